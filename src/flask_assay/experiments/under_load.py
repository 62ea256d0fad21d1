"""Remedies whose effect shows only when requests compete: pool size, workers, threads.

Each launch boots the unchanged and each changed target, and puts the run's own load on one after
the other for some seconds, in random order. Per launch the figure is the geometric mean over
routes of the ratio of median response times, so that a different mix of requests does not count.

Where the time suffices, a second unchanged target stands beside them (A/A). Both unchanged ones
are what a change is compared with, and what they show against each other is a bar that a claim
must exceed, beside the part of a route's time within which a change is none. Where the time does
not suffice for it, each trial says so, and the latter bar stands alone.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from math import exp, expm1, log
from statistics import fmean, median

from flask_assay.experiments.arms import BASE, NULL
from flask_assay.experiments.estimate import EQUIVALENT_RATIO
from flask_assay.experiments.hypothesis import Hypothesis
from flask_assay.gather.lab import Copy, Lab
from flask_assay.gather.target import Target
from flask_assay.load.control import LoadProcess
from flask_assay.model.clock import Clock
from flask_assay.model.deadline import Deadline
from flask_assay.model.effect import Effect, OracleVerdict, Trial, TrialOutcome
from flask_assay.model.rows import ClientFlag, ClientRow, Phase
from flask_assay.recording.reader import Recording
from flask_assay.services.waiting import wait_until
from flask_assay.stats.intervals import Interval
from flask_assay.stats.launches import Comparison, Spread, interval_of, spread_of

__all__ = ["ALL_ROUTES", "try_under_load"]

ALL_ROUTES = "(all routes)"
_LEAST_LOAD_S = 2.0
# What a boot, the start of the load and the end of both take, until it was measured.
_FIRST_OVERHEAD_S = 3.0
_BOOTS_AT_ONCE = 2
_READY_S = 60.0
_WARM_UP_S = 1.0
_LEAST_REQUESTS = 4
_LEAST_LAUNCHES = 2
_CLAIM_LEVEL = 0.995  # two are tried at most: together 0.99
_NO_TIME = "no time was left for two boots of it (--experiment-s)"
_LEVEL = 0.95
_NULL_SEEN = (
    "The unchanged app against itself, in the same {count} launches: {low:+.0f} … {high:+.0f} %."
)
_NULL_UNSEEN = (
    "No time was left for the unchanged app against itself (--experiment-s): of changes beyond "
    "{percent:g} %, only the interval tells chance apart."
)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What one boot of one arm showed."""

    medians_s: Mapping[str, float]
    requests_per_s: float
    error_ratio: float


def try_under_load(
    lab: Lab,
    arms: Sequence[Hypothesis],
    *,
    clock: Clock,
    deadline: Deadline,
    launches: int,
    on_step: Callable[[str], None],
) -> list[Trial]:
    """Measure each arm against the unchanged target.

    Args:
        lab: The run's servers, its load decided; no target may be up.
        arms: Changed targets.
        clock: Source of time.
        deadline: When it must be over; a launch that would not end before it is not begun.
        launches: Boots of each arm, at least 2.
        on_step: Told what is going on.
    """
    rng = random.Random(lab.settings.integer("random_seed"))
    changes = {BASE: {}, **{each.remedy_id: _changes(each) for each in arms}}
    if deadline.left_s >= _LEAST_LAUNCHES * (len(changes) + 1) * (
        _FIRST_OVERHEAD_S + _LEAST_LOAD_S
    ):
        changes[NULL] = {}
    started = clock.monotonic_ns()
    seen: list[dict[str, _Seen]] = []
    overhead_s = _FIRST_OVERHEAD_S
    copy = lab.copy("load")
    try:
        for number in range(launches):
            before = clock.monotonic_ns()
            left_s = deadline.left_s
            if left_s < len(changes) * (overhead_s + _LEAST_LOAD_S):
                changes.pop(NULL, None)  # boots take longer here than was thought
            if left_s < len(changes) * (overhead_s + _LEAST_LOAD_S):
                break
            on_step(
                f"experiment under load: launch {number + 1} of {launches}, "
                f"about {left_s:.0f} s left"
            )
            share_s = left_s / ((launches - number) * len(changes))
            each_s = max(_LEAST_LOAD_S, share_s - overhead_s)
            order = rng.sample(sorted(changes), len(changes))
            seen.append(_launch(lab, copy, {name: changes[name] for name in order}, each_s))
            overhead_s = (clock.monotonic_ns() - before) / 1e9 / len(changes) - each_s
    finally:
        lab.discard(copy)
    return _trials(arms, seen, (clock.monotonic_ns() - started) / 1e9)


@dataclass(frozen=True, slots=True)
class _Seat:
    """One arm of a launch: booted, and idle until its turn; its load waits for the word."""

    name: str
    target: Target
    load: LoadProcess

    def turn(self, seconds: float) -> _Seen:
        """Put the load on the target, then end both."""
        try:
            self.load.go()
            longest_s = seconds + 60.0
            wait_until(self.load.is_over, timeout_s=longest_s, what="the end of a trial's load")
            self.load.wait()
        finally:
            self.stop()
        rows = Recording(self.load.plan.recording_dir).client_requests
        return _seen([row for row in rows if row.phase == Phase.STEADY], seconds)

    def stop(self) -> None:
        """End what is left of it."""
        self.load.kill()
        self.target.process.stop(deadline_s=1.0)


def _launch(
    lab: Lab, copy: Copy, changes: Mapping[str, Mapping[str, object]], seconds: float
) -> dict[str, _Seen]:
    """Boot all arms at once, as none of that is measured, then load one after the other."""
    seats: list[_Seat] = []

    def take(name: str) -> None:
        seats.append(_seat(lab, copy, name, changes[name], seconds))

    try:
        with ThreadPoolExecutor(max_workers=_BOOTS_AT_ONCE) as beside:
            list(beside.map(take, changes))
        for seat in seats:
            wait_until(seat.load.is_ready, timeout_s=_READY_S, what="a load generator is ready")
        by_name = {seat.name: seat for seat in seats}
        return {name: by_name[name].turn(seconds) for name in changes}
    finally:
        for seat in seats:
            seat.stop()


def _seat(lab: Lab, copy: Copy, name: str, changes: Mapping[str, object], seconds: float) -> _Seat:
    assert lab.load_plan is not None
    directory = lab.run.private / f"load-{lab.next_number()}"
    directory.mkdir()
    target = lab.boot(lab.plan(lab.route(copy), directory, **changes))
    plan = replace(
        lab.load_plan,
        recording_dir=directory,
        work_dir=directory,
        private_dir=None,
        target=target.address,
        warm_up_s=_WARM_UP_S,
        steady_s=seconds,
        reach_s=0.0,
        waits=True,
    )
    return _Seat(name, target, LoadProcess.start(plan, lab.supervisor))


def _changes(arm: Hypothesis) -> dict[str, object]:
    if arm.remedy.intervention == "workers":
        return {"gunicorn_overrides": dict(arm.remedy.parameters)}
    return {"interventions": [(arm.remedy.intervention, dict(arm.remedy.parameters))]}


def _seen(rows: Sequence[ClientRow], seconds: float) -> _Seen:
    by_name: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        if not row.flags & ClientFlag.NO_RESPONSE:
            by_name[row.name].append(row.wall_ns / 1e9)
    errors = sum(row.status >= 500 or bool(row.flags & ClientFlag.NO_RESPONSE) for row in rows)
    return _Seen(
        {name: median(times) for name, times in by_name.items() if len(times) >= _LEAST_REQUESTS},
        len(rows) / seconds,
        errors / max(1, len(rows)),
    )


def _trials(
    arms: Sequence[Hypothesis], launches: Sequence[Mapping[str, _Seen]], spent_s: float
) -> list[Trial]:
    """Return what the launches say of each arm."""
    changes = [Comparison(_log_ratios(each.remedy_id, launches), 0.0) for each in arms]
    null = Comparison(_log_ratios(NULL, launches), 0.0)
    spread = spread_of([*changes, null])
    bar = _Bar.of(null, spread)
    return [
        _trial(arm, launches, change, spread, bar, spent_s)
        for arm, change in zip(arms, changes, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class _Bar:
    """What a change must exceed to be claimed.

    Attributes:
        size: Of the log-ratio, what the unchanged app shows against itself at most.
        words: That, for the reader.
    """

    size: float
    words: str

    @classmethod
    def of(cls, null: Comparison, spread: Spread) -> "_Bar":
        if null.freedom < 1:
            return cls(0.0, _NULL_UNSEEN.format(percent=EQUIVALENT_RATIO * 100))
        seen = interval_of(null, spread, level=_LEVEL)
        words = _NULL_SEEN.format(
            count=len(null.figures), low=expm1(seen.low) * 100, high=expm1(seen.high) * 100
        )
        return cls(max(abs(seen.low), abs(seen.high)), words)


def _log_ratios(name: str, launches: Sequence[Mapping[str, _Seen]]) -> tuple[float, ...]:
    pairs = [(_unchanged(each, name), each[name]) for each in launches if name in each]
    found = (_log_ratio(before, after) for before, after in pairs)
    return tuple(ratio for ratio in found if ratio is not None)


def _unchanged(launch: Mapping[str, _Seen], name: str) -> _Seen:
    """Return what an arm is compared with: both unchanged ones, or one for the other."""
    base, null = launch[BASE], launch.get(NULL)
    if null is None or name == NULL:
        return base
    both = base.medians_s.keys() & null.medians_s.keys()
    return _Seen(
        {each: exp(fmean(log(one.medians_s[each]) for one in (base, null))) for each in both},
        (base.requests_per_s + null.requests_per_s) / 2,
        (base.error_ratio + null.error_ratio) / 2,
    )


def _trial(
    arm: Hypothesis,
    launches: Sequence[Mapping[str, _Seen]],
    change: Comparison,
    spread: Spread,
    bar: _Bar,
    spent_s: float,
) -> Trial:
    name = arm.remedy_id
    pairs = [(_unchanged(each, name), each[name]) for each in launches]
    if len(pairs) < _LEAST_LAUNCHES:
        return arm.untried(_NO_TIME)
    ratios = change.figures
    if len(ratios) < _LEAST_LAUNCHES:
        return arm.untried("too few requests per route to compare")
    before_s = median(fmean(before.medians_s.values()) for before, _ in pairs if before.medians_s)
    change_s, low_s, high_s = (
        before_s * expm1(value) for value in interval_of(change, spread, level=_LEVEL)
    )
    more_errors = fmean(after.error_ratio - before.error_ratio for before, after in pairs)
    is_worse = more_errors > 0.01
    effect = Effect(
        route=ALL_ROUTES,
        before_s=before_s,
        after_s=before_s + change_s,
        change_s=change_s,
        low_s=low_s,
        high_s=high_s,
        level=_LEVEL,
        launch_count=len(ratios),
        pair_count=len(ratios),
        oracle=OracleVerdict.ERROR if is_worse else OracleVerdict.EQUAL,
        oracle_detail="more errors" if is_worse else "share of errors; bodies not compared",
    )
    strict = interval_of(change, spread, level=_CLAIM_LEVEL)
    return replace(
        arm.untried(bar.words),
        outcome=_outcome(strict, bar, is_worse=is_worse),
        effects=(effect,),
        prices={
            "requests_per_second_before": round(fmean(each.requests_per_s for each, _ in pairs), 1),
            "requests_per_second_after": round(fmean(each.requests_per_s for _, each in pairs), 1),
        },
        duration_s=spent_s,
    )


def _log_ratio(before: _Seen, after: _Seen) -> float | None:
    shared = before.medians_s.keys() & after.medians_s.keys()
    if not shared:
        return None
    return fmean(log(after.medians_s[name] / before.medians_s[name]) for name in shared)


def _outcome(strict: Interval, bar: _Bar, *, is_worse: bool) -> TrialOutcome:
    if is_worse:
        return TrialOutcome.REFUSED
    is_large = abs(strict.point) > bar.size and abs(expm1(strict.point)) > EQUIVALENT_RATIO
    if strict.excludes_zero and is_large:
        return TrialOutcome.FASTER if strict.point < 0 else TrialOutcome.SLOWER
    within = max(abs(expm1(strict.low)), abs(expm1(strict.high)))
    return TrialOutcome.NO_EFFECT if within <= EQUIVALENT_RATIO else TrialOutcome.INCONCLUSIVE
