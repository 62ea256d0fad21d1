"""Order findings: severity first, then measured seconds, then attributable ones."""

from collections.abc import Iterable, Mapping

from flask_assay.model.finding import Finding, Severity

__all__ = ["rank"]

_ORDER = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.NOTE: 2}


def rank(findings: Iterable[Finding], measured_s: Mapping[str, float]) -> tuple[Finding, ...]:
    """Return findings, worst first.

    Args:
        findings: Of all audits.
        measured_s: Seconds of the steady state that a trial gave back, by
            "<audit>/<finding key>"; a measured finding stands before an unmeasured one of the
            same severity.
    """

    def place(finding: Finding) -> tuple[int, int, float, float, str, str]:
        measured = measured_s.get(f"{finding.audit}/{finding.key}")
        return (
            _ORDER[finding.severity],
            0 if measured else 1,
            -(measured or 0.0),
            -(finding.cost_s or 0.0),
            finding.audit,
            finding.key,
        )

    return tuple(sorted(findings, key=place))
