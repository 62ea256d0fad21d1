"""The load plan: everything that the load worker is told, as one JSON file."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from flask_assay.errors import LoadError, UsageError
from flask_assay.model.owned import AllowedTarget

__all__ = ["Exchange", "Journey", "LoadPlan"]


@dataclass(frozen=True, slots=True)
class Exchange:
    """One concrete request that a journey can send.

    Attributes:
        path: Path with its query string, already quoted.
        headers: Headers to add.
        body: Text of the body; empty for none.
    """

    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""


@dataclass(frozen=True, slots=True)
class Journey:
    """One route with the concrete requests that stand for it.

    Attributes:
        rule: URL rule as Flask prints it; the name of its rows is "<method> <rule>".
        method: HTTP method.
        exchanges: What to send; one is drawn each time.
        weight: How often it is chosen beside the others.
        look_s: What its first request took, asked alone before the load; 0 if it was not.
    """

    rule: str
    method: str
    exchanges: tuple[Exchange, ...]
    weight: float = 1.0
    look_s: float = 0.0

    @property
    def name(self) -> str:
        """The label of its rows: "GET /orders/<int:id>"."""
        return f"{self.method} {self.rule}"


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """What to send, where to, how hard and for how long.

    Attributes:
        recording_dir: Directory of the recording; rows, events and samples go there.
        work_dir: Directory for this plan's file and the status file.
        target: The one address that load may be put on.
        project_root: Working directory of the worker, where the user's modules are found.
        private_dir: Where the requests are kept in full, outside of the recording; None for none.
        locustfile: The user's locustfile; None if journeys are given.
        journeys: Derived journeys; empty if a locustfile is given.
        user_classes: Names of the locustfile's user classes to run; empty for all.
        tags: Run only tasks with one of these tags; empty for all.
        exclude_tags: Leave out tasks with one of these tags.
        follow_shape: Whether a ``LoadTestShape`` of the locustfile decides the users.
        users: Virtual users; in the open model the most that work at once.
        model: "closed" (users and think time) or "open" (arrivals at a rate).
        rate: Arrivals per second of the open model; None in the closed one.
        arrivals: Spacing of the open model's arrivals.
        think_time_s: Least and most seconds that a journey's user pauses between requests.
        warm_up_s: Seconds before anything is judged.
        steady_s: Seconds that are judged.
        reach_s: Most seconds that the warm-up lasts longer until every journey was drawn, and
            those that answer soon several times.
        drain_s: Most seconds that users get to finish what they are doing.
        seed: Seed of arrivals, choices and samples.
        early_failure_count: Requests after which "all failed" is reported.
        waits: Whether the worker, once it has imported Locust, waits for the word to begin.
    """

    recording_dir: Path
    work_dir: Path
    target: AllowedTarget
    project_root: Path
    private_dir: Path | None = None
    locustfile: Path | None = None
    journeys: tuple[Journey, ...] = ()
    user_classes: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    exclude_tags: tuple[str, ...] = ()
    follow_shape: bool = True
    users: int = 10
    model: Literal["closed", "open"] = "closed"
    rate: float | None = None
    arrivals: Literal["constant", "poisson"] = "constant"
    think_time_s: tuple[float, float] = (0.0, 0.0)
    warm_up_s: float = 5.0
    steady_s: float = 30.0
    reach_s: float = 0.0
    drain_s: float = 10.0
    seed: int = 1
    early_failure_count: int = 50
    waits: bool = False

    def __post_init__(self) -> None:
        for problem in _problems(self):
            raise UsageError(problem)

    @property
    def plan_path(self) -> Path:
        """Where the plan is handed to the worker."""
        return self.work_dir / "load-plan.json"

    @property
    def status_path(self) -> Path:
        """Where the worker says how it is getting on."""
        return self.work_dir / "load-status.json"

    @property
    def longest_s(self) -> float:
        """Most seconds from the first request to the last."""
        return self.warm_up_s + self.reach_s + self.steady_s + self.drain_s

    @property
    def ready_path(self) -> Path:
        """What appears when a worker that waits could begin."""
        return self.work_dir / "load-ready"

    @property
    def go_path(self) -> Path:
        """What such a worker waits for."""
        return self.work_dir / "load-go"

    def to_json(self) -> str:
        """Return the plan as JSON text."""
        return json.dumps(asdict(self), indent=1, default=str)

    @classmethod
    def from_json(cls, text: str) -> "LoadPlan":
        """Return the plan that ``to_json`` wrote.

        Raises:
            LoadError: If the text is not a plan of this version.
            UsageError: If a value is out of its range.
        """
        try:
            return cls(**_decoded(json.loads(text)))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise LoadError(
                f"not a load plan of this version: {error}",
                why="The plan is written and read by the same version of flask-assay.",
            ) from error


def _decoded(raw: Mapping[str, Any]) -> dict[str, Any]:
    unknown = set(raw) - {entry.name for entry in fields(LoadPlan)}
    if unknown:
        raise KeyError(", ".join(sorted(unknown)))
    value = dict(raw)
    for name in ("recording_dir", "work_dir", "project_root", "private_dir", "locustfile"):
        if value.get(name) is not None:
            value[name] = Path(value[name])
    for name in ("user_classes", "tags", "exclude_tags", "think_time_s"):
        if name in value:
            value[name] = tuple(value[name])
    value["target"] = AllowedTarget(**value["target"])
    value["journeys"] = tuple(_journey(entry) for entry in value.get("journeys", ()))
    return value


def _journey(raw: Mapping[str, Any]) -> Journey:
    exchanges = tuple(Exchange(**entry) for entry in raw["exchanges"])
    return Journey(**{**raw, "exchanges": exchanges})


def _problems(plan: LoadPlan) -> list[str]:
    found = []
    if (plan.locustfile is None) == (not plan.journeys):
        found.append("a load plan names a locustfile or journeys: one of them, and not both")
    if plan.users < 1:
        found.append(f"--users {plan.users}: at least one virtual user is needed")
    if plan.model == "open" and (plan.rate is None or plan.rate <= 0):
        found.append(
            f"--rate {plan.rate}: an arrival rate is in requests per second and must be above 0"
        )
    if plan.model == "closed" and plan.rate is not None:
        found.append("an arrival rate belongs to the open model; in the closed one users set it")
    if plan.steady_s <= 0:
        found.append(f"--duration {plan.steady_s}: the steady state must last longer than 0 s")
    low, high = plan.think_time_s
    if not 0 <= low <= high:
        found.append(f"think time {low}..{high} s: least and most, neither negative")
    if min(plan.warm_up_s, plan.drain_s, plan.reach_s) < 0:
        found.append("warm-up and drain cannot be negative")
    return found
