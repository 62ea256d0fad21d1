"""Findings as GitHub workflow commands: ``::warning file=,line=::`` lines on standard output.

GitHub shows ten annotations of a kind per step and drops the rest without a word; so the worst
ten findings are written, and a last line counts the others.
"""

from flask_assay.model.document import Diagnosis
from flask_assay.model.finding import Finding, Severity
from flask_assay.report import summary

__all__ = ["MAX_COUNT", "render"]

MAX_COUNT = 10
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}


def render(diagnosis: Diagnosis) -> str:
    """Return at most ten annotations and a count of the findings that have none."""
    lines = [_annotation(f, diagnosis) for f in diagnosis.findings[:MAX_COUNT]]
    more = len(diagnosis.findings) - MAX_COUNT
    if more > 0:
        lines.append(
            f"::notice title=flask-assay::{more} more of {len(diagnosis.findings)} "
            "findings are in the report"
        )
    return "".join(f"{line}\n" for line in lines)


def _annotation(finding: Finding, diagnosis: Diagnosis) -> str:
    properties = [f"title={_property(finding.audit)}"]
    if finding.place:
        properties = [
            f"file={_property(finding.place.file)}",
            f"line={finding.place.line}",
            *properties,
        ]
    message = finding.title
    for remedy, trial in summary.remedies_with_trials(finding, diagnosis)[:1]:
        message += f"\n{remedy.summary}"
        best = summary.gain(trial, finding.routes)
        if best is not None:
            message += f"\nMeasured on {best.route}: {summary.effect_sentence(best)}"
    return f"::{_LEVELS[finding.severity]} {','.join(properties)}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
