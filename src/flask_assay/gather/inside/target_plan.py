"""What a process of the target is told, as a JSON file named by ``ASSAY_TARGET_PLAN``."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from flask_assay.routing.plan import RoutePlan

__all__ = ["PLAN_VARIABLE", "TargetPlan"]

PLAN_VARIABLE = "ASSAY_TARGET_PLAN"


@dataclass(frozen=True, slots=True)
class TargetPlan:
    """One target's orders.

    Attributes:
        app: Import path as given to ``flask --app``; "" lets Flask look for the app.
        directory: Working directory of the app.
        recording: Directory that receives rows and documents.
        route: Where database and Redis connections go.
        probe: ``ProbePlan.to_json()``; None attaches no probe.
        schema: How the schema is made (setting ``schema``).
        seed: Seed hook, "" for none.
        scale: Size of the data.
        random_seed: Seed of the automatic data.
        login: Login hook, "" for none.
        identity_count: Users that the login hook signs in.
        private: Directory for what must not enter the recording.
        interventions: (registered name, parameters) to apply inside this target.
        arms: Of an experiment: arm → {"changes": numbers of its interventions, "databases": name →
            name of its copy}; a request's header chooses. Empty: all interventions, always.
        gunicorn_config: The user's Gunicorn config file, "" for none.
        gunicorn_overrides: Settings that an experiment changes (workers, threads …).
        egress_allow: Hosts outside this machine that may be reached.
        blocks_egress: Whether other hosts are refused.
        is_observed: Whether a sampler outside of the process will look into it.
    """

    app: str
    directory: str
    recording: str
    route: RoutePlan
    probe: str | None = None
    schema: str = "auto"
    seed: str = ""
    scale: float = 1.0
    random_seed: int = 1
    login: str = ""
    identity_count: int = 1
    private: str = ""
    interventions: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    arms: dict[str, dict[str, Any]] = field(default_factory=dict)
    gunicorn_config: str = ""
    gunicorn_overrides: dict[str, Any] = field(default_factory=dict)
    egress_allow: list[str] = field(default_factory=list)
    blocks_egress: bool = True
    is_observed: bool = False

    def write(self, path: Path) -> Path:
        """Write it for a child process and return the path."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")
        return path

    @classmethod
    def read(cls) -> "TargetPlan":
        """Return the plan of this process."""
        data = json.loads(Path(os.environ[PLAN_VARIABLE]).read_text(encoding="utf-8"))
        data["route"] = RoutePlan.from_json(data["route"])
        data["interventions"] = [(name, values) for name, values in data["interventions"]]
        return cls(**data)
