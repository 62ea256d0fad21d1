"""Turn findings into trials: what each remedy saves, alone and on top of others."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from flask_assay.errors import UsageError
from flask_assay.experiments.cache_plan import cache_plans
from flask_assay.experiments.hypothesis import Hypothesis, endpoints_of, hypotheses
from flask_assay.experiments.mending import try_mending
from flask_assay.experiments.paired import Paired
from flask_assay.experiments.patches.write import write_patch
from flask_assay.experiments.registry import INTERVENTIONS
from flask_assay.experiments.replay import SentRequest
from flask_assay.experiments.under_load import try_under_load
from flask_assay.gather.lab import Lab
from flask_assay.load.transcript import read_transcripts
from flask_assay.model.clock import Clock
from flask_assay.model.deadline import Deadline
from flask_assay.model.effect import Ladder, Trial, TrialOutcome
from flask_assay.model.finding import Finding
from flask_assay.recording.directory import write_document
from flask_assay.recording.reader import Recording

_PROVEN = (TrialOutcome.FASTER, TrialOutcome.MENDED)

__all__ = ["FULL", "QUICK", "Extent", "prove", "requests_of", "served"]

_CANDIDATES_PER_ROUTE = 24
# Of what is left when each begins; what one does not need, the next one has.
_CACHE_SHARE, _MENDING_SHARE, _PAIRED_SHARE = 0.15, 0.4, 0.6
_ENOUGH_FOR_PLANS_S = 25.0  # in a quick run, remedies that are tried come before caches
_NO_TIME = "no time was left for it (--experiment-s)"
_REPORT_S = 3.0  # what judging again and the end of the servers take
_LEAST_S = 4.0  # below this not even two boots would end


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is tried.

    Attributes:
        launches: Launches of the paired experiment, at least 4.
        remedies: Remedies tried side by side.
        server_remedies: Remedies tried under load, each with boots of its own.
        routes: Routes replayed.
        load_launches: Launches under load.
        mending: Remedies tried that make something right instead of fast.
        cache_s: Seconds for repeating the load at caches.
    """

    launches: int
    remedies: int
    server_remedies: int
    routes: int
    load_launches: int
    mending: int
    cache_s: float


FULL = Extent(
    launches=6, remedies=40, server_remedies=2, routes=32, load_launches=4, mending=3, cache_s=10.0
)
QUICK = Extent(
    launches=4, remedies=4, server_remedies=0, routes=4, load_launches=0, mending=0, cache_s=6.0
)


def prove(
    lab: Lab,
    recording: Recording,
    findings: Sequence[Finding],
    *,
    clock: Clock,
    on_step: Callable[[str], None],
    extent: Extent = FULL,
) -> tuple[Trial, ...]:
    """Try the remedies of the findings, write ``trials.json`` and return the trials.

    Args:
        lab: The run's servers; no target may be up. Its setting ``experiment_s`` is a deadline
            for all of it: it is asked between requests.
        recording: Of the run.
        findings: Ranked.
        clock: Source of time.
        on_step: Told what is going on, with the time left.
        extent: How much is tried.
    """
    deadline = _deadline(lab, clock)
    every = hypotheses(findings, endpoints_of(recording.document("app")))
    competing = [each for each in every if INTERVENTIONS[each.remedy.intervention].needs_load]
    mending = [each for each in every if INTERVENTIONS[each.remedy.intervention].mends]
    # what can be written comes before what only shows an upper bound
    paired = sorted((each for each in every if each not in [*competing, *mending]), key=_is_what_if)
    if every and deadline.left_s < _LEAST_S:
        on_step("experiments: no time is left for them")
        _write(lab, trials := [each.untried(_NO_TIME) for each in every], {})
        return tuple(trials)
    repeatable = _requests(lab, recording, paired[: extent.remedies])
    requests = dict(list(repeatable.items())[: extent.routes])
    known = [each for each in paired[: extent.remedies] if each.routes & requests.keys()]
    tried = [*known, *competing[: extent.server_remedies], *mending[: extent.mending]]
    trials = [
        each.untried(_why_not(each, paired, extent, repeatable))
        for each in every
        if each not in tried
    ]
    ladder: Ladder | None = None
    plans = cache_plans(
        lab,
        recording,
        paired if extent.mending or deadline.left_s > _ENOUGH_FOR_PLANS_S else (),
        clock=clock,
        budget_s=min(extent.cache_s, _CACHE_SHARE * deadline.left_s),
        on_step=on_step,
    )
    trials += _mended(lab, recording, mending[: extent.mending], deadline, on_step)
    under_load = competing[: extent.server_remedies] if lab.load_plan is not None else []
    share = _PAIRED_SHARE if known and under_load else 1.0
    if known:
        experiment = Paired(lab, recording, known, requests, clock, on_step)
        until = deadline.within(share * deadline.left_s)
        measured, ladder = experiment.run(until, extent.launches)
        trials += measured
    found = {
        "ladders": [asdict(ladder)] if ladder else [],
        "cache_plans": [asdict(each) for each in plans],
    }
    _write(lab, trials, found)
    if under_load:
        trials += try_under_load(
            lab,
            under_load,
            clock=clock,
            deadline=deadline,
            launches=extent.load_launches,
            on_step=on_step,
        )
    _write(lab, trials, found | {"patches": _patches(recording, findings, trials)})
    return tuple(trials)


def _deadline(lab: Lab, clock: Clock) -> Deadline:
    deadline = Deadline.after(clock, lab.settings.number("experiment_s"))
    if lab.deadline is None:
        return deadline
    return deadline.within(lab.deadline.earlier(_REPORT_S).left_s)


def _mended(
    lab: Lab,
    recording: Recording,
    wanted: Sequence[Hypothesis],
    deadline: Deadline,
    on_step: Callable[[str], None],
) -> list[Trial]:
    """Return the trials of what makes something right; the first whatever the time."""
    soon = deadline.within(_MENDING_SHARE * deadline.left_s)
    trials: list[Trial] = []
    for each in wanted:
        if trials and soon.is_over:
            trials.append(each.untried(_NO_TIME))
            continue
        asked = requests_of(lab, recording, sorted(each.routes))
        trials.append(try_mending(lab, each, asked, clock=soon.clock, on_step=on_step))
    return trials


def _patches(
    recording: Recording, findings: Sequence[Finding], trials: Sequence[Trial]
) -> dict[str, str]:
    """Return remedy id → the diff of the user's files, for what was faster and is certain."""
    faster = {each.remedy_id for each in trials if each.outcome in _PROVEN}
    found: dict[str, str] = {}
    for finding in findings:
        for number, remedy in enumerate(finding.remedies):
            remedy_id = f"{finding.audit}/{finding.key}/{number}"
            if remedy_id in faster:
                # the report has a snippet where a person has to choose the place
                with contextlib.suppress(UsageError, OSError, SyntaxError, ValueError):
                    patch = write_patch(Path.cwd(), finding, remedy, recording.document("app"))
                    found[remedy_id] = patch.diff()
    return found


def _write(lab: Lab, trials: Sequence[Trial], more: Mapping[str, object]) -> None:
    document = {"trials": [asdict(each) for each in trials], **more}
    write_document(lab.recording, "trials", document)


def _is_what_if(each: Hypothesis) -> bool:
    return INTERVENTIONS[each.remedy.intervention].is_what_if


def _why_not(
    each: Hypothesis,
    paired: Sequence[Hypothesis],
    extent: Extent,
    repeatable: Mapping[str, Sequence[SentRequest]],
) -> str:
    if each in paired[: extent.remedies]:
        if each.routes & repeatable.keys():
            return f"only the {extent.routes} routes whose findings cost most are repeated in a run"
        return "the load sent no request to its routes that could be repeated"
    if each in paired:
        return _first(extent.remedies, "remedies")
    if INTERVENTIONS[each.remedy.intervention].mends:
        return _first(extent.mending, "remedies of this kind")
    return _first(extent.server_remedies, "changes of the server")


def _first(count: int, what: str) -> str:
    if not count:
        return f"{what} are not tried in a quick run"
    return f"only the first {count} {what} are tried in a run"


def _requests(
    lab: Lab, recording: Recording, wanted: Sequence[Hypothesis]
) -> dict[str, list[SentRequest]]:
    """Return route → requests to replay, for the routes that some remedy should help."""
    helped = list(dict.fromkeys(route for each in wanted for route in sorted(each.routes)))
    return requests_of(lab, recording, helped)


def requests_of(
    lab: Lab, recording: Recording, routes: Sequence[str]
) -> dict[str, list[SentRequest]]:
    """Return route → requests of the load, latest first; without routes that have none.

    The latest are the likeliest to be answered again: sessions end while a load goes on.

    Args:
        lab: Of the run that the load belongs to.
        recording: Of that run.
        routes: Wanted.
    """
    known = {row.request_id: row.route for row in recording.requests if row.request_id}
    found: dict[str, list[SentRequest]] = {route: [] for route in routes}
    for each in read_transcripts(lab.run.private):
        route = known.get(each.request_id, "")
        # after a redirect the id is that of another request
        if route in found and each.status < 400 and route.startswith(f"{each.method} "):
            request = SentRequest(
                route, each.method, each.path, each.headers, each.body, each.status
            )
            found[route].append(request)
    return {
        route: _latest(served(each), _CANDIDATES_PER_ROUTE) for route, each in found.items() if each
    }


def served(requests: Sequence[SentRequest]) -> list[SentRequest]:
    """Return a route's requests without those that it only sent elsewhere, if others were served.

    A page that sends those without a right to it to the sign-in has two kinds of answers. The
    second runs none of what a finding is about: with both kinds, a remedy's effect would be that
    of the mixture which happened to be repeated, and differ from launch to launch. Where
    something was sent to be written, a redirect is the usual answer to success.

    Args:
        requests: Of one route.
    """
    is_read = all(each.method in {"GET", "HEAD"} for each in requests)
    given = [each for each in requests if each.status // 100 == 2]
    return given if given and is_read else list(requests)


def _latest(requests: Sequence[SentRequest], most: int) -> list[SentRequest]:
    """Return different requests, so that one popular page does not stand for all; latest first."""
    different = {(each.path, each.headers, each.body): each for each in reversed(requests)}
    return list(different.values())[:most]
