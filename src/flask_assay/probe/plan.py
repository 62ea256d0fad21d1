"""What the probe is to do in a process, as data that travels through an environment or a file."""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from flask_assay.errors import UsageError

__all__ = ["ALL_SENSORS", "DEEP_SENSORS", "ProbePlan"]

ALL_SENSORS = (
    "requests",
    "endpoint-cpu",
    "identity",
    "queries",
    "relationships",
    "pool",
    "transactions",
    "redis",
    "outbound-http",
    "mail",
    "templates",
    "exceptions",
    "containers",
)
DEEP_SENSORS = ("orm-reads", "container-growth")
"""Of a learning pass; they cost what no timed pass may pay."""


@dataclass(frozen=True)
class ProbePlan:
    """What to attach and where to write.

    Attributes:
        recording_dir: Directory of the recording; ``probe-<pid>.rows`` is written there.
        project_root: Frames of files below it are "the user's code".
        private_dir: Where parameter values of the first executions go; None keeps none.
        sensors: Names of the sensors to attach.
        call_sites: Name the user's line that sent a statement.
        call_site_first: Executions of each (statement, endpoint) whose call site is looked up.
        call_site_every: After these, one execution in so many; 0 for none.
        digests: Hash response bodies, query strings and credentials.
        stacks: Sample the Python stack of requests under way by the CPU time that they used.
        stacks_of_numbered: Sample only requests that carry a number of ours.
        stack_interval_s: Time between two samples.
        salt: Key of the digests; the same in each process of a run, kept out of the recording.
    """

    recording_dir: Path
    project_root: Path
    private_dir: Path | None = None
    sensors: tuple[str, ...] = ALL_SENSORS
    call_sites: bool = True
    call_site_first: int = 8
    call_site_every: int = 16
    digests: bool = False
    stacks: bool = False
    stacks_of_numbered: bool = False
    stack_interval_s: float = 0.005
    salt: str = ""

    def __post_init__(self) -> None:
        unknown = [name for name in self.sensors if name not in (*ALL_SENSORS, *DEEP_SENSORS)]
        if unknown:
            raise UsageError(
                f"unknown sensor {unknown[0]!r}",
                todo=f"Known are: {', '.join((*ALL_SENSORS, *DEEP_SENSORS))}.",
            )

    def to_json(self) -> str:
        """Return the plan as one line of JSON."""
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_json(cls, text: str) -> "ProbePlan":
        """Return the plan that ``to_json`` wrote.

        Raises:
            UsageError: If the text is not such a plan.
        """
        try:
            values = json.loads(text)
            known = {field.name for field in fields(cls)}
            values = {name: value for name, value in values.items() if name in known}
            for name in ("recording_dir", "project_root", "private_dir"):
                if values.get(name) is not None:
                    values[name] = Path(values[name])
            if "sensors" in values:
                values["sensors"] = tuple(values["sensors"])
            return cls(**values)
        except (ValueError, TypeError, AttributeError) as error:
            raise UsageError(f"not a probe plan: {text[:80]!r} ({error})") from error
