"""Read the trials that experiments wrote beside the recording."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from flask_assay.model.effect import (
    CachePlan,
    CachePoint,
    Effect,
    Ladder,
    OracleVerdict,
    Rung,
    Trial,
    TrialOutcome,
)
from flask_assay.model.finding import Finding
from flask_assay.recording.reader import Recording

__all__ = ["read_cache_plans", "read_ladders", "read_trials", "saved_s", "with_patches"]


def read_trials(recording: Recording) -> tuple[tuple[Trial, ...], tuple[str, ...]]:
    """Return the trials of ``trials.json`` and a warning for each entry that cannot be read."""
    entries = recording.document("trials").get("trials")
    trials, warnings = [], []
    for entry in entries if isinstance(entries, list) else []:
        try:
            trials.append(_trial(entry))
        except (KeyError, TypeError, ValueError) as error:
            warnings.append(f"A trial could not be read and is left out: {error!r}")
    return tuple(trials), tuple(warnings)


def read_ladders(recording: Recording) -> tuple[Ladder, ...]:
    """Return the ladders of ``trials.json``; one that cannot be read is left out."""
    entries = recording.document("trials").get("ladders")
    found = []
    for entry in entries if isinstance(entries, list) else []:
        try:
            found.append(_ladder(entry))
        except (KeyError, TypeError, ValueError):
            continue
    return tuple(found)


def read_cache_plans(recording: Recording) -> tuple[CachePlan, ...]:
    """Return the plans of ``trials.json``; one that cannot be read is left out."""
    entries = recording.document("trials").get("cache_plans")
    found = []
    for entry in entries if isinstance(entries, list) else []:
        try:
            points = tuple(CachePoint(**each) for each in entry["points"])
            found.append(CachePlan(**{**entry, "points": points}))
        except (KeyError, TypeError, ValueError):
            continue
    return tuple(found)


def with_patches(findings: Sequence[Finding], recording: Recording) -> tuple[Finding, ...]:
    """Return the findings with the patches that experiments wrote for their proven remedies."""
    patches = recording.document("trials").get("patches")
    if not isinstance(patches, dict) or not patches:
        return tuple(findings)
    return tuple(
        replace(
            finding,
            remedies=tuple(
                replace(remedy, patch=str(patches.get(f"{finding.audit}/{finding.key}/{n}", "")))
                for n, remedy in enumerate(finding.remedies)
            ),
        )
        for finding in findings
    )


def _ladder(entry: Mapping[str, object]) -> Ladder:
    fields: dict[str, object] = dict(entry)
    fields["routes"] = tuple(entry["routes"])  # type: ignore[arg-type]
    fields["rungs"] = tuple(Rung(**each) for each in entry["rungs"])  # type: ignore[attr-defined]
    fields["no_effect"] = tuple((i, text) for i, text in entry["no_effect"])  # type: ignore[attr-defined]
    return Ladder(**fields)  # type: ignore[arg-type]


def saved_s(trials: Iterable[Trial], requests_by_route: Mapping[str, int]) -> dict[str, float]:
    """Return measured seconds given back in the steady state, by "<audit>/<finding key>".

    Of several remedies of one finding the best counts: savings are not added up.
    """
    found: dict[str, float] = {}
    for trial in trials:
        if trial.outcome is not TrialOutcome.FASTER:
            continue
        seconds = sum(
            -effect.change_s * requests_by_route.get(effect.route, 0)
            for effect in trial.effects
            if effect.high_s < 0
        )
        finding_id = trial.remedy_id.rpartition("/")[0]
        found[finding_id] = max(found.get(finding_id, 0.0), seconds)
    return found


def _trial(entry: Mapping[str, object]) -> Trial:
    effects = entry.get("effects") or ()
    fields: dict[str, object] = dict(entry)
    fields["outcome"] = TrialOutcome(str(entry["outcome"]))
    fields["effects"] = tuple(_effect(e) for e in effects if isinstance(e, dict))  # type: ignore[attr-defined]
    return Trial(**fields)  # type: ignore[arg-type]


def _effect(entry: Mapping[str, object]) -> Effect:
    fields: dict[str, object] = dict(entry)
    fields["oracle"] = OracleVerdict(str(entry["oracle"]))
    fields.pop("excludes_zero", None)
    fields["distribution"] = tuple(
        (bound, before, after)
        for bound, before, after in entry.get("distribution") or ()  # type: ignore[attr-defined]
    )
    return Effect(**fields)  # type: ignore[arg-type]
