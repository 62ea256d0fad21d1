"""What each pass may take where a whole run is limited: planned when it begins, from what is left.

A slow machine spends more on servers and boots; the passes that follow then get less. What is
left out for want of time stands in the report.
"""

from flask_assay.gather.lab import Lab
from flask_assay.recording.directory import EVENTS, append_line

__all__ = ["LEAST_STEADY_S", "allotted_s", "leave_out", "steady_s", "time_is_short"]

LEAST_STEADY_S = 5.0
"""So long the load is, whatever the time: less tells nothing."""

_LOAD_SHARE = 0.3
_CHOSEN = frozenset({"default", "quick"})


def steady_s(lab: Lab) -> float:
    """Return the seconds of steady state: those that were asked for, if somebody did."""
    wanted_s = lab.settings.number("duration_s")
    if lab.deadline is None or lab.settings.origins.get("duration_s") not in _CHOSEN:
        return wanted_s
    room_s = _LOAD_SHARE * lab.deadline.left_s - lab.settings.number("warm_up_s")
    return min(wanted_s, max(LEAST_STEADY_S, round(room_s)))


def allotted_s(lab: Lab, wanted_s: float, share: float) -> float:
    """Return what a pass may take: what it wants, or its share of the time that is left."""
    return wanted_s if lab.deadline is None else min(wanted_s, share * lab.deadline.left_s)


def time_is_short(lab: Lab, least_s: float) -> bool:
    """Return whether less than this is left of a limited run."""
    return lab.deadline is not None and lab.deadline.left_s < least_s


def leave_out(lab: Lab, what: str) -> None:
    """Have the report say what there was no time for."""
    total_s = lab.settings.number("total_s")
    text = f"Left out, as the run was to end within {total_s:g} s (--total-s): {what}."
    append_line(lab.recording, EVENTS, {"event": "incident", "kind": "no-time", "text": text})
