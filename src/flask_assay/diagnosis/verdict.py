"""The verdict, and the one sentence above everything else."""

from collections.abc import Sequence

from flask_assay.artifacts.reach import Reach
from flask_assay.model.document import RouteSummary
from flask_assay.model.finding import AuditResult, Finding, Severity

__all__ = ["ANSWERED_RATIO", "REQUESTS_MIN", "judge"]

REQUESTS_MIN = 30  # fewer in the steady state prove nothing
ANSWERED_RATIO = 0.5  # of the GET routes: with fewer the app is as good as unseen
FAILING_RATIO = 0.05  # of the responses


def judge(
    routes: Sequence[RouteSummary],
    findings: Sequence[Finding],
    results: Sequence[AuditResult],
    reach: Reach,
) -> tuple[str, str]:
    """Return (verdict, headline).

    Args:
        routes: Of the steady state.
        findings: Ranked, worst first.
        results: Of all audits.
        reach: How much of the app answered.
    """
    requests = sum(route.request_count for route in routes)
    errors = sum(route.error_count for route in routes)
    if requests and errors / requests > FAILING_RATIO:
        return "failing", _failing(routes, requests, errors)
    serious = [one for one in findings if one.severity is not Severity.NOTE]
    if requests < REQUESTS_MIN:
        return "inconclusive", (
            f"Inconclusive: {requests} requests in the steady state are too few to judge by, "
            f"{REQUESTS_MIN} are the least. More than what is listed may be there: load longer "
            "(--duration-s)."
        )
    if not serious and reach.answered_count < ANSWERED_RATIO * reach.total_count:
        return "inconclusive", (
            f"Inconclusive: {reach.answered_count} of {reach.total_count} GET routes answered; "
            "of the others nothing is known. Sign in (the setting login), or say with a locustfile "
            "how they are asked."
        )
    if not serious:
        passed = sum(1 for result in results if not result.findings)
        return "healthy", (
            f"Healthy: {requests:,} requests, no problem found ({passed} audits without a finding)."
        )
    more = len(serious) - 1
    rest = f" {more} more." if more else ""
    return "problems", f"{serious[0].title}.{rest}"


def _failing(routes: Sequence[RouteSummary], requests: int, errors: int) -> str:
    worst = max(routes, key=lambda route: route.error_count)
    return (
        f"Failing: {errors:,} of {requests:,} responses were errors, most of them on "
        f"{worst.route} ({worst.error_count:,} of {worst.request_count:,})."
    )
