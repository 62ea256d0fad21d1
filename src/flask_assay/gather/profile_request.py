"""Profile one request of an app, on a database prepared as in a run."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask_assay.diagnosis.profile import fold
from flask_assay.errors import TargetError, UsageError
from flask_assay.gather.inside.profile_request import ANSWER, INTERVAL_S, REQUEST
from flask_assay.gather.inside.target_plan import PLAN_VARIABLE
from flask_assay.gather.lab import Lab
from flask_assay.gather.progress import Progress
from flask_assay.gather.tracebacks import users_frames
from flask_assay.model.document import Profile
from flask_assay.model.request_profile import FunctionTime, RequestProfile
from flask_assay.services.waiting import WaitTimeoutError

__all__ = ["WantedRequest", "profile_request"]

LONGEST_S = 300.0
_REFUSALS = {
    401: "The app asks who is there. Give --header 'Authorization: …' or --header 'Cookie: …', "
    "or the setting `login`.",
    403: "The app knows who asks and refuses. Give the --header of another user.",
    404: "The database is filled anew: give the key of a row that the seed makes.",
}


@dataclass(frozen=True, slots=True)
class WantedRequest:
    """The request to profile.

    Attributes:
        path: With its query string.
        method: HTTP method.
        headers: Names and values.
        data: Body; None sends none.
        repeat: How often it is sampled, and traced.
    """

    path: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    data: str | None = None
    repeat: int = 20

    @property
    def name(self) -> str:
        """Method and path."""
        return f"{self.method} {self.path}"


def profile_request(lab: Lab, progress: Progress, wanted: WantedRequest) -> RequestProfile:
    """Prepare the app's database, and profile the request in a process of its own.

    Args:
        lab: Servers without databases yet.
        progress: Who is told how far it is.
        wanted: The request.

    Raises:
        TargetError: If the app cannot be loaded or prepared, or the request raises.
        UsageError: If the app refuses the request.
    """
    lab.create_databases()
    progress.step("start what the app calls")
    lab.start_stubs()
    progress.step("load the app, make the schema, fill the database")
    lab.prepare()
    assert lab.databases is not None
    for each in lab.databases.all():
        lab.postgres.sql(each, "VACUUM (ANALYZE)")
    progress.step(f"send {wanted.name}, {2 * wanted.repeat + 2} times")
    answer = _ask(lab, wanted)
    if "error" in answer:
        raise TargetError(
            f"{wanted.name}: {answer['error']}",
            why=users_frames(answer["traceback"], str(Path.cwd())),
            todo="The request must be answered without an error before it can be profiled.",
        )
    if "refused" in answer:
        raise _refusal(wanted, answer["refused"])
    return _read(wanted, answer)


def _ask(lab: Lab, wanted: WantedRequest) -> dict[str, Any]:
    private = lab.run.private
    request = {
        "path": wanted.path,
        "method": wanted.method,
        "headers": [*wanted.headers, *_identity(private, wanted)],
        "data": wanted.data,
        "repeat": wanted.repeat,
    }
    (private / REQUEST).write_text(json.dumps(request), encoding="utf-8")
    plan = lab.plan(lab.route(), lab.recording).write(private / "profile-plan.json")
    process = lab.supervisor.start(
        "profile",
        [sys.executable, "-m", "flask_assay.gather.inside.profile_request"],
        env=lab.environment({PLAN_VARIABLE: str(plan)}),
        cwd=Path.cwd(),
    )
    try:
        process.wait(timeout_s=LONGEST_S)
        answer: dict[str, Any] = json.loads((private / ANSWER).read_text(encoding="utf-8"))
    except WaitTimeoutError:
        raise TargetError(
            f"{wanted.name}: no end within {LONGEST_S:g} s", todo="Give a smaller --repeat."
        ) from None
    except OSError:
        raise TargetError(
            f"{wanted.name}: the app's process ended without a word",
            why=process.log_tail(),
            todo="Something in the app ended it (os._exit, a crash, a signal).",
        ) from None
    return answer


def _identity(private: Path, wanted: WantedRequest) -> list[tuple[str, str]]:
    """Return the headers of the first signed-in user, unless the request says who asks."""
    path = private / "identities.json"
    if {name.lower() for name, _ in wanted.headers} & {"authorization", "cookie"}:
        return []
    found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    return list(found[0].items()) if found else []


def _refusal(wanted: WantedRequest, refused: dict[str, Any]) -> UsageError:
    status, route = refused["status"], refused["route"]
    return UsageError(
        f"{wanted.name}: the app answers {status}",
        why=f"The view of {route} was reached." if route else "No route of the app matches.",
        todo=_REFUSALS.get(status, "Send the headers and the body that the view expects.")
        if route
        else "`flask routes` shows what there is, and with which methods.",
    )


def _read(wanted: WantedRequest, answer: dict[str, Any]) -> RequestProfile:
    label = wanted.name
    stacks = {
        tuple(stack.split(";")[1:]): round(weight / wanted.repeat)
        for stack, weight in answer["stacks"].items()
    }
    frames, endpoints = fold({label: stacks}, {label: {answer["route"]}})
    profile = Profile(
        sampler="wall-timer",
        interval_s=INTERVAL_S,
        sample_count=answer["sample_count"],
        frames=frames,
        endpoints=endpoints,
    )
    return RequestProfile(
        method=wanted.method,
        path=wanted.path,
        route=answer["route"],
        statuses=answer["statuses"],
        body_bytes=answer["body_bytes"],
        statement_count=answer["statements"],
        durations_s=tuple(answer["durations_s"]),
        cpu_s=answer["cpu_s"],
        traced_s=answer["traced_s"],
        functions=tuple(FunctionTime(**row) for row in answer["functions"]),
        profile=profile,
    )
