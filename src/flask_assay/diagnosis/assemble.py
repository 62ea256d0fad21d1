"""Assemble the diagnosis document from whatever a recording holds."""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import TypeVar

from flask_assay.artifacts.coverage import coverage
from flask_assay.artifacts.view import UnavailableError, View
from flask_assay.audits.registry import AUDITS
from flask_assay.diagnosis.context import environment_of, load_of, overhead_of, warnings_of
from flask_assay.diagnosis.growth import growth_of
from flask_assay.diagnosis.profile import profile_of
from flask_assay.diagnosis.ranking import rank
from flask_assay.diagnosis.runner import run_audits
from flask_assay.diagnosis.series import series_of
from flask_assay.diagnosis.summaries import route_summaries, statement_summaries
from flask_assay.diagnosis.traces import traces_of
from flask_assay.diagnosis.trials import (
    read_cache_plans,
    read_ladders,
    read_trials,
    saved_s,
    with_patches,
)
from flask_assay.diagnosis.verdict import judge
from flask_assay.model.document import SCHEMA_VERSION, Diagnosis
from flask_assay.recording.reader import Recording

__all__ = ["diagnose"]

T = TypeVar("T")


def diagnose(recording: Recording, *, allow: Mapping[str, str] | None = None) -> Diagnosis:
    """Judge a recording.

    Args:
        recording: Opened, whole or partial; what it lacks makes audits not applicable.
        allow: "audit:GET /route" or "audit:key" and the reason why that finding may stay.

    Returns:
        The document that every report renders. The same recording gives the same document.
    """
    view = View(recording)
    manifest = recording.manifest
    results = run_audits(view, AUDITS, allow or {})
    trials, trial_warnings = read_trials(recording)
    routes = _or_empty(lambda: route_summaries(view))
    measured = saved_s(trials, {route.route: route.request_count for route in routes})
    findings = rank((one for result in results for one in result.findings), measured)
    seen = view[coverage]
    verdict, headline = judge(routes, findings, results, seen.reach)
    return Diagnosis(
        schema_version=SCHEMA_VERSION,
        run_id=str(manifest.get("run_id", "")),
        app=str(manifest.get("app", "")),
        started_at=str(manifest.get("started_at", "")),
        status="complete" if manifest.get("status") == "complete" else "partial",
        status_reason=_status_reason(manifest),
        headline=headline,
        verdict=verdict,
        findings=with_patches(findings, recording),
        results=results,
        trials=trials,
        routes=routes,
        statements=_or_empty(lambda: statement_summaries(view)),
        traces=_or_empty(lambda: traces_of(view)),
        series=series_of(recording),
        reconciliations=seen.reconciliations,
        load=load_of(view),
        overhead=overhead_of(view, seen),
        environment=environment_of(view),
        warnings=(*warnings_of(view, seen), *trial_warnings, *_unknown(allow or {})),
        profile=profile_of(view),
        ladders=read_ladders(recording),
        cache_plans=read_cache_plans(recording),
        growth=growth_of(view),
    )


def _or_empty(make: Callable[[], tuple[T, ...]]) -> tuple[T, ...]:
    try:
        return make()
    except UnavailableError:
        return ()


def _unknown(allow: Mapping[str, str]) -> tuple[str, ...]:
    """Say which entries allow nothing, as no audit is called so."""
    known = [audit.meta.audit_id for audit in AUDITS]
    return tuple(
        f"[tool.assay.allow] {entry!r} allows nothing: there is no audit {name!r}."
        + "".join(f" Did you mean {near!r}?" for near in get_close_matches(name, known, 1))
        for entry in allow
        if (name := entry.partition(":")[0]) not in known
    )


def _status_reason(manifest: Mapping[str, object]) -> str:
    reason = str(manifest.get("status_reason") or "")
    if reason or manifest.get("status") == "complete":
        return reason
    return "The run did not reach its end; this is what it had recorded."
