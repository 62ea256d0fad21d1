"""The probe: observes an app from inside its process, and never changes what it answers.

Standard library and what the app already has, nothing else. Importing this patches nothing;
``attach`` does and ``detach`` undoes it.
"""

from flask_assay.probe.attachment import Probe, attach, attached, detach
from flask_assay.probe.plan import ALL_SENSORS, DEEP_SENSORS, ProbePlan

__all__ = ["ALL_SENSORS", "DEEP_SENSORS", "Probe", "ProbePlan", "attach", "attached", "detach"]
