"""What every report says of a diagnosis, whatever it looks like: verdict, key figures, effects."""

import math
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from flask_assay.model.document import Diagnosis, Reconciliation, RouteSummary
from flask_assay.model.effect import Effect, OracleVerdict, Trial, TrialOutcome
from flask_assay.model.finding import Finding, Remedy, Severity
from flask_assay.report import figures

__all__ = [
    "NULL_TRIAL",
    "ORACLE_WORDS",
    "OUTCOME_WORDS",
    "PARTS",
    "VERDICT_WORDS",
    "Figure",
    "breakdown",
    "commands",
    "cost_words",
    "effect_sentence",
    "finding_trials",
    "gain",
    "key_figures",
    "noise_floor",
    "other_trials",
    "phases",
    "reconciliation_words",
    "remedies_with_trials",
    "severity_counts",
    "severity_words",
]

NULL_TRIAL = "null"

VERDICT_WORDS: Mapping[str, str] = {
    "healthy": "Healthy",
    "problems": "Problems found",
    "failing": "Failing",
    "inconclusive": "Inconclusive",
}
OUTCOME_WORDS: Mapping[TrialOutcome, str] = {
    TrialOutcome.FASTER: "faster",
    TrialOutcome.SLOWER: "slower",
    TrialOutcome.NO_EFFECT: "no effect",
    TrialOutcome.INCONCLUSIVE: "inconclusive",
    TrialOutcome.REFUSED: "refused",
    TrialOutcome.MENDED: "mended",
    TrialOutcome.NOT_REPRODUCED: "not reproduced",
    TrialOutcome.NOT_TRIED: "not tried",
}
ORACLE_WORDS: Mapping[OracleVerdict, str] = {
    OracleVerdict.EQUAL: "responses stayed equal",
    OracleVerdict.REORDERED: "same rows in another order",
    OracleVerdict.VOLATILE: "equal, apart from fields that differ by themselves",
    OracleVerdict.DIFFERENT: "responses changed",
    OracleVerdict.ERROR: "requests failed",
}
PARTS: tuple[tuple[str, str], ...] = (
    ("database", "database"),
    ("app-cpu", "app CPU"),
    ("external", "external"),
    ("cache", "cache"),
    ("template", "template"),
    ("pool-wait", "pool wait"),
    ("queueing", "queueing"),
    ("unexplained", "unexplained"),
)


@dataclass(frozen=True, slots=True)
class Figure:
    """A key figure: its value, and in the note what it stands on."""

    label: str
    value: str
    note: str


def finding_trials(finding: Finding, diagnosis: Diagnosis) -> tuple[Trial, ...]:
    """Return the experiments that tried the finding's remedies."""
    prefix = f"{finding.audit}/{finding.key}/"
    return tuple(
        t
        for t in diagnosis.trials
        if t.remedy_id.startswith(prefix) and "/" not in t.remedy_id[len(prefix) :]
    )


def remedies_with_trials(
    finding: Finding, diagnosis: Diagnosis
) -> tuple[tuple[Remedy, Trial | None], ...]:
    """Return each remedy with the experiment that tried it, None where none did.

    Findings that ask for the same change share one experiment, which bears the id of the first.
    """
    candidates = (*finding_trials(finding, diagnosis), *other_trials(diagnosis))
    return tuple(
        (remedy, next((t for t in candidates if _is_of(t, remedy)), None))
        for remedy in finding.remedies
    )


def _is_of(trial: Trial, remedy: Remedy) -> bool:
    same_change = dict(trial.parameters) == dict(remedy.parameters)
    return trial.intervention == remedy.intervention and same_change


def other_trials(diagnosis: Diagnosis) -> tuple[Trial, ...]:
    """Return all experiments but A/A."""
    return tuple(t for t in diagnosis.trials if t.remedy_id != NULL_TRIAL)


def noise_floor(diagnosis: Diagnosis) -> tuple[Effect, ...]:
    """Return what two identical targets differed by, per route: no smaller effect is real."""
    return tuple(e for t in diagnosis.trials if t.remedy_id == NULL_TRIAL for e in t.effects)


def gain(trial: Trial | None, routes: tuple[str, ...] = ()) -> Effect | None:
    """Return the saving to name first, None if the trial does not allow to claim one.

    That is the saving on the first of ``routes`` that was measured, else the largest one.
    """
    if trial is None or trial.outcome is not TrialOutcome.FASTER:
        return None
    savings = sorted((e for e in trial.effects if e.high_s < 0), key=lambda e: e.change_s)
    by_route = {e.route: e for e in savings}
    named = (by_route[r] for r in routes if r in by_route)
    return next(named, savings[0] if savings else None)


def effect_sentence(effect: Effect) -> str:
    """Return an effect in one line: before, after, change with interval, replication."""
    return (
        f"{figures.seconds(effect.before_s)} → {figures.seconds(effect.after_s)}, "
        f"{figures.change(effect.change_s)} "
        f"({figures.percent(effect.level)} interval "
        f"{figures.interval(effect.low_s, effect.high_s, signed=True)}; "
        f"{figures.plural(effect.launch_count, 'launch', 'launches')}, "
        f"{figures.plural(effect.pair_count, 'pair')})"
    )


def cost_words(finding: Finding) -> str:
    """Return the attributable time of a finding; empty if it was not timed."""
    parts = []
    if finding.cost_per_request_s is not None:
        parts.append(f"{figures.seconds(finding.cost_per_request_s)} per request")
    if finding.cost_s is not None:
        parts.append(f"{figures.seconds(finding.cost_s)} over the steady state")
    return ", ".join(parts)


def severity_counts(diagnosis: Diagnosis) -> Mapping[Severity, int]:
    """Return how many findings there are of each severity, worst first."""
    return {s: sum(f.severity is s for f in diagnosis.findings) for s in Severity}


def severity_words(diagnosis: Diagnosis) -> str:
    """Return "2 errors, 3 warnings, 1 note", without the zeros."""
    parts = [figures.plural(n, s.value) for s, n in severity_counts(diagnosis).items() if n]
    return ", ".join(parts) or "no findings"


def reconciliation_words(reconciliation: Reconciliation) -> str:
    """Return one reconciliation in a sentence: both counts, and what explains a difference."""
    r = reconciliation
    sign = "=" if r.left == r.right else "≠" if not r.ok else "and"
    text = f"{figures.count(r.left)} {r.left_name} {sign} {figures.count(r.right)} {r.right_name}"
    reasons = ", ".join(f"{figures.count(n)} {why}" for why, n in r.explained.items() if n)
    if reasons:
        text += f"; explained: {reasons}"
    return text if r.ok else f"{text}; the difference is not explained"


def phases(diagnosis: Diagnosis) -> tuple[tuple[str, float], ...]:
    """Return the phases of the load and their seconds, as far as the document has them."""
    found = diagnosis.load.get("phases")
    if not isinstance(found, Mapping):
        return ()
    pairs = [(str(name), _phase_seconds(value)) for name, value in found.items()]
    return tuple((name, s) for name, s in pairs if s is not None)


def _phase_seconds(value: object) -> float | None:
    if isinstance(value, Mapping):
        start, end = value.get("start_s"), value.get("end_s")
        if isinstance(start, int | float) and isinstance(end, int | float):
            return end - start
        value = value.get("duration_s", value.get("seconds"))
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    return None


def breakdown(route: RouteSummary) -> tuple[tuple[str, str, float], ...]:
    """Return (part, words, mean seconds) in fixed order, parts of our own naming last."""
    known = dict(PARTS)
    pairs = [(key, words, route.breakdown_s.get(key, 0.0)) for key, words in PARTS]
    pairs += [(k, k.replace("-", " "), v) for k, v in route.breakdown_s.items() if k not in known]
    return tuple((k, w, v) for k, w, v in pairs if math.isfinite(v) and v > 0)


def key_figures(diagnosis: Diagnosis) -> tuple[Figure, ...]:
    """Return the figures to read first, each with what it stands on."""
    makers = (_traffic, _errors, _response_time, _database_share, _statements, _best_gain)
    made = (make(diagnosis) for make in makers) if diagnosis.routes else (_best_gain(diagnosis),)
    return tuple(f for f in made if f is not None)


def _request_count(diagnosis: Diagnosis) -> int:
    return sum(r.request_count for r in diagnosis.routes)


def _traffic(diagnosis: Diagnosis) -> Figure:
    n, steady = _request_count(diagnosis), _steady_seconds(diagnosis)
    users = diagnosis.load.get("users")
    note = f"steady state of {figures.seconds(steady)}" if steady else "steady state"
    if isinstance(users, int | float):
        note += f" · {figures.plural(users, 'user')}"
    if steady:
        note += f" · {figures.number(n / steady)} requests/s"
    return Figure("Requests", figures.count(n), note)


def _steady_seconds(diagnosis: Diagnosis) -> float | None:
    stated = _phase_seconds(diagnosis.load.get("steady_s"))
    return stated or dict(phases(diagnosis)).get("steady")


def _errors(diagnosis: Diagnosis) -> Figure:
    n, failed = _request_count(diagnosis), sum(r.error_count for r in diagnosis.routes)
    refused = sum(r.client_error_count for r in diagnosis.routes)
    note = f"{figures.count(failed)} of {figures.count(n)}"
    note += f" · {figures.count(refused)} with status 4xx" if refused else ""
    return Figure("Failed", figures.percent(failed / n) if n else figures.NOTHING, note)


def _response_time(diagnosis: Diagnosis) -> Figure:
    timed = [r for r in diagnosis.routes if math.isfinite(r.quantiles_s.get("p95", math.nan))]
    if not timed:
        return Figure("p95 response time", figures.NOTHING, "no response was timed")
    worst = max(timed, key=lambda r: r.quantiles_s["p95"])
    note = worst.route
    low, high = worst.quantile_low_s.get("p95"), worst.quantile_high_s.get("p95")
    if low is not None and high is not None:
        note += f" · 95 % interval {figures.interval(low, high)}"
    note += f" · n = {figures.count(worst.request_count)}"
    return Figure("Worst p95", figures.seconds(worst.quantiles_s["p95"]), note)


def _database_share(diagnosis: Diagnosis) -> Figure | None:
    spent = sum(sum(r.breakdown_s.values()) * r.request_count for r in diagnosis.routes)
    database = sum(r.breakdown_s.get("database", 0.0) * r.request_count for r in diagnosis.routes)
    if not spent or not math.isfinite(spent):
        return None
    note = f"{figures.seconds(database)} of {figures.seconds(spent)} request time"
    return Figure("Database share", figures.percent(database / spent), note)


def _statements(diagnosis: Diagnosis) -> Figure | None:
    n = _request_count(diagnosis)
    if not n:
        return None
    total = sum(r.statements_mean * r.request_count for r in diagnosis.routes)
    worst = max(diagnosis.routes, key=lambda r: r.statements_mean)
    note = f"n = {figures.count(n)} · most: {worst.route}, {figures.number(worst.statements_mean)}"
    return Figure("Statements per request", figures.number(total / n), note)


def _best_gain(diagnosis: Diagnosis) -> Figure | None:
    real = (trial for trial in other_trials(diagnosis) if not trial.is_simulated)
    gains = [e for e in map(gain, real) if e is not None]
    if not gains:
        return None
    best = min(gains, key=lambda e: e.change_s)
    ends = figures.interval(best.low_s, best.high_s, signed=True)
    note = f"{best.route} · {figures.percent(best.level)} interval {ends}"
    return Figure("Largest measured saving", figures.change(best.change_s), note)


def commands(diagnosis: Diagnosis) -> tuple[tuple[str, str], ...]:
    """Return (purpose, command): how to run this again, how to render it again."""
    given = diagnosis.environment.get("command")
    again = given if isinstance(given, str) and given else _command(diagnosis)
    return (
        ("Run it again", again),
        ("Render it again", f"flask assay report .assay/*{shlex.quote(diagnosis.run_id)}"),
    )


def _command(diagnosis: Diagnosis) -> str:
    words = ["flask", "--app", diagnosis.app, "assay", "run"]
    users = diagnosis.load.get("users")
    if isinstance(users, int):
        words += ["--users", str(users)]
    return shlex.join(words)
