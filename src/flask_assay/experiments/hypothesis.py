"""A hypothesis: a remedy that an intervention can apply, and the routes it should help."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from flask_assay.experiments.registry import INTERVENTIONS
from flask_assay.model.effect import Trial, TrialOutcome
from flask_assay.model.finding import Finding, Remedy

__all__ = ["Hypothesis", "endpoints_of", "hypotheses"]


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One remedy of one or more findings.

    Attributes:
        remedy_id: "<audit>/<finding key>/<number of the remedy>".
        remedy: What to change.
        routes: Routes that it should help.
        number: Its place in the order of the findings.
        statements: Route → shapes of the statements that its findings are about.
    """

    remedy_id: str
    remedy: Remedy
    routes: frozenset[str]
    number: int = 0
    statements: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def share(self) -> float:
        """Share of its routes' requests that it helps: a cache's predicted hit ratio, else 1."""
        return float(str(self.remedy.parameters.get("predicted_hit_ratio", 1.0)))

    @property
    def least_executions(self) -> int:
        """Executions of the statement in one request, below which there is nothing to save."""
        return 2 if INTERVENTIONS[self.remedy.intervention].saves_repeats else 1

    def untried(self, reason: str, outcome: TrialOutcome = TrialOutcome.NOT_TRIED) -> Trial:
        """Return the trial that was not made, with its reason."""
        intervention = INTERVENTIONS[self.remedy.intervention]
        return Trial(
            remedy_id=self.remedy_id,
            intervention=self.remedy.intervention,
            parameters=self.remedy.parameters,
            summary=self.remedy.summary,
            outcome=outcome,
            reason=reason,
            is_simulated=intervention.is_simulated or intervention.is_what_if,
        )


def endpoints_of(app: Mapping[str, object]) -> dict[str, str]:
    """Return route → endpoint of a recording's document ``app.json``."""
    routes = app.get("routes")
    return {
        f"{method} {each['rule']}": str(each["endpoint"])
        for each in (routes if isinstance(routes, list) else ())
        for method in each.get("methods", ())
    }


def hypotheses(
    findings: Sequence[Finding], endpoints: Mapping[str, str] | None = None
) -> list[Hypothesis]:
    """Return the remedies that an intervention can apply, in the order of the findings.

    The same change proposed by two findings is one hypothesis on the routes of both. A change of
    one endpoint is tried on that endpoint's routes only, wherever else its finding was seen.

    Args:
        findings: Ranked.
        endpoints: Route → its endpoint, as far as known.
    """
    found: dict[str, Hypothesis] = {}
    for finding in findings:
        for number, remedy in enumerate(finding.remedies):
            intervention = INTERVENTIONS.get(remedy.intervention)
            if intervention is None or not intervention.fits(remedy.parameters):
                continue
            same = f"{remedy.intervention} {sorted(remedy.parameters.items(), key=str)}"
            routes = _concerned(finding.routes, remedy, endpoints or {})
            sql = frozenset(filter(None, (finding.sql, *finding.further_sql)))
            shapes = dict.fromkeys(routes, sql)
            known = found.get(same)
            if known is not None:
                both = {
                    route: known.statements.get(route, frozenset()) | shapes.get(route, frozenset())
                    for route in known.routes | routes
                }
                found[same] = replace(known, routes=known.routes | routes, statements=both)
            else:
                remedy_id = f"{finding.audit}/{finding.key}/{number}"
                found[same] = Hypothesis(remedy_id, remedy, routes, len(found), shapes)
    return list(found.values())


def _concerned(
    routes: Sequence[str], remedy: Remedy, endpoints: Mapping[str, str]
) -> frozenset[str]:
    """Return the routes of a remedy's endpoint; all if none is known to be one of it."""
    endpoint = remedy.parameters.get("endpoint")
    own = frozenset(route for route in routes if endpoint and endpoints.get(route) == endpoint)
    return own or frozenset(routes)
