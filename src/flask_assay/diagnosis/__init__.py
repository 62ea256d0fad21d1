"""From a recording to the diagnosis document: run the audits, rank what they found, assemble."""

from flask_assay.diagnosis.assemble import diagnose

__all__ = ["diagnose"]
