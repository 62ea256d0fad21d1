"""growing-containers: globals of the user's modules that got more entries under load."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from flask_assay.artifacts.steady_state import steady_state
from flask_assay.artifacts.view import View, artifact
from flask_assay.model.finding import Place

__all__ = ["GrowingContainer", "growing_containers"]

LAST_THIRD_RATIO = 0.15  # of the whole growth; what is bounded has stopped by then


@dataclass(frozen=True, slots=True)
class GrowingContainer:
    """One global, in the process where it grew most.

    Attributes:
        name: "_rendered", "Registry.seen".
        place: Line that puts something in, else its definition; None if neither is known.
        first_count: Entries at the beginning of the steady state.
        last_count: Entries at the end.
        late_count: Entries that came in the last third of the steady state.
        routes: Entries that each route added in the learning pass.
    """

    name: str
    place: Place | None
    first_count: int
    last_count: int
    late_count: int
    routes: Mapping[str, int]

    @property
    def grown_count(self) -> int:
        """Entries that the steady state added."""
        return self.last_count - self.first_count

    @property
    def still_grows(self) -> bool:
        """Whether it grew to the end."""
        return self.late_count >= LAST_THIRD_RATIO * self.grown_count > 0


@artifact("growing-containers")
def growing_containers(view: View) -> tuple[GrowingContainer, ...]:
    """Return them, fastest first; empty if none was watched."""
    routes = _routes(view)
    steady = view[steady_state]
    best: dict[str, GrowingContainer] = {}
    for entry in _dicts(view.recording.document("containers").get("containers")):
        key = f"{entry.get('file')}:{entry.get('name')}"
        one = _container(entry, steady.start_ns, steady.end_ns, routes.get(key, Counter()))
        known = best.get(key)
        if known is None or one.grown_count > known.grown_count:
            best[key] = one
    return tuple(sorted(best.values(), key=lambda one: (-one.grown_count, one.name)))


def _container(
    entry: Mapping[str, object], start_ns: int, end_ns: int, routes: Mapping[str, int]
) -> GrowingContainer:
    points = entry.get("points")
    series = [(int(t), int(n)) for t, n in points] if isinstance(points, list) else []
    first, last = _at(series, start_ns), _at(series, end_ns)
    line = int(str(entry.get("line") or 0))
    return GrowingContainer(
        name=str(entry.get("name")),
        place=Place(str(entry.get("file")), line, str(entry.get("function") or ""))
        if line
        else None,
        first_count=first,
        last_count=last,
        late_count=last - _at(series, end_ns - (end_ns - start_ns) // 3),
        routes=routes,
    )


def _at(series: list[tuple[int, int]], t_ns: int) -> int:
    """Return the entries at a time; sizes are written when they change."""
    before = [count for stamp, count in series if stamp <= t_ns]
    return before[-1] if before else (series[0][1] if series else 0)


def _routes(view: View) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = {}
    for entry in _dicts(view.recording.document("learning").get("grown")):
        counts = found.setdefault(str(entry.get("name")), Counter())
        counts[str(entry.get("route"))] += int(str(entry.get("count", 0)))
    return found


def _dicts(value: object) -> list[dict[str, object]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
