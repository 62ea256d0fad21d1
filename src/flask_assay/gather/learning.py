"""The learning pass: some of the load's requests again, with sensors that no timed pass may carry.

It runs on a copy of the data that is thrown away, and none of its times is kept.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median_low
from typing import Any

from flask_assay.gather.again import alone, candidates, send_again
from flask_assay.gather.allotment import allotted_s
from flask_assay.gather.lab import Copy, Lab
from flask_assay.gather.profiling import plans_of, profile
from flask_assay.gather.progress import Telling
from flask_assay.load.deck import is_served
from flask_assay.load.transcript import Said
from flask_assay.model.clock import Clock
from flask_assay.model.deadline import Deadline
from flask_assay.probe.plan import DEEP_SENSORS, ProbePlan
from flask_assay.probe.sensors.orm_reads import UNSEEN_READER
from flask_assay.recording.directory import EVENTS, append_line, write_document
from flask_assay.recording.reader import Recording

__all__ = ["learn", "merged", "quickest_first"]

REQUESTS_PER_ROUTE = 5
REQUESTS_PER_ROUTE_QUICK = 3
BUDGET_S, BUDGET_QUICK_S = 10.0, 5.0
SHARE = 0.08  # of what is left of a limited run
FIRST_ROUND = 3  # times the budget: one request of each route, the quickest first
# Values that code takes out of an object's dictionary are read without anybody seeing it.
_PAST_ATTRIBUTES = re.compile(r"\.__dict__\b|\bvars\(|\borjson\b|\bmsgspec\b")


def learn(lab: Lab, clock: Clock, on_step: Callable[[str], None]) -> None:
    """Write ``learning.json`` and ``profile.json``; what goes wrong costs these and nothing else.

    Args:
        lab: Of a run whose load is over; no target is connected.
        clock: Source of time.
        on_step: Told what is going on, every few seconds.
    """
    tell = Telling(on_step, clock)
    recording = Recording(lab.recording)
    wanted = candidates(lab.run.private, recording)
    if not wanted:
        return
    try:
        copy = lab.copy("learning")
        try:
            write_document(lab.recording, "learning", _learn(lab, copy, wanted, clock, tell))
            found = profile(lab, copy, plans_of(wanted, recording), clock, tell)
            write_document(lab.recording, "profile", found)
        finally:
            lab.discard(copy)
    except Exception as error:  # noqa: BLE001 - what was measured is worth more than this
        text = f"The learning pass ended early: {type(error).__name__}: {error}"
        append_line(lab.recording, EVENTS, {"event": "incident", "kind": "learning", "text": text})


def _learn(
    lab: Lab, copy: Copy, wanted: Mapping[str, list[Said]], clock: Clock, tell: Telling
) -> dict[str, Any]:
    probe = ProbePlan(Path(), Path.cwd(), sensors=("requests", *DEEP_SENSORS))
    is_quick = lab.settings.flag("quick")
    most = REQUESTS_PER_ROUTE_QUICK if is_quick else REQUESTS_PER_ROUTE
    with alone(lab, copy, "learning", probe) as (sender, directory):
        wanted_s = BUDGET_QUICK_S if is_quick else BUDGET_S
        end = Deadline.after(clock, allotted_s(lab, wanted_s, SHARE))
        first = Deadline.after(clock, allotted_s(lab, FIRST_ROUND * wanted_s, SHARE))

        def is_late(number: int) -> bool:
            tell(f"learn what is read: round {number + 1} of {most} over {len(wanted)} routes")
            return (end if number else first).is_over

        by_time = quickest_first(wanted, Recording(lab.recording))
        answered = Counter(route for route, _ in send_again(sender, by_time, most, is_late))
    learned = [*directory.glob("learned-*.json"), *directory.glob("grown-*.json")]
    found = merged(json.loads(path.read_text()) for path in learned)
    return {
        "requests": dict(answered),
        "dict_readers": _dict_readers(Path.cwd(), found["groups"]),
        **found,
    }


def quickest_first(wanted: Mapping[str, list[Said]], recording: Recording) -> dict[str, list[Said]]:
    """Return routes by what a request of the load took, so that few slow ones keep out no others.

    Those that were never served come last: they redirect, as those that have moved.

    Args:
        wanted: Route → requests.
        recording: Of the load.
    """
    walls: dict[str, list[int]] = {}
    served = set()
    for row in recording.requests:
        walls.setdefault(row.route, []).append(row.wall_ns)
        if is_served(row.status):
            served.add(row.route)
    order = sorted(
        wanted, key=lambda route: (route not in served, median_low(walls.get(route, [0])))
    )
    return {route: wanted[route] for route in order}


def merged(learned: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what several processes learned, as one list of each kind."""
    found: dict[str, Any] = {"groups": [], "lazy_loads": [], "eager_loads": [], "grown": []}
    for each in learned:
        for name in found:
            found[name] += each.get(name, ())
    return found


def _dict_readers(root: Path, groups: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the files among those of the groups that read objects past their attributes."""
    files = {file for group in groups for file in group["files"]}
    files |= {group["site"].rpartition(":")[0] for group in groups}
    return sorted(
        file
        for file in files
        if file == UNSEEN_READER or (file and _PAST_ATTRIBUTES.search(_text(root / file)))
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
