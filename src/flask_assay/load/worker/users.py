"""Where virtual users come from: the user's locustfile, unmodified, or derived journeys."""

import traceback
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

import locust
from locust import FastHttpUser, between, constant, task
from locust.argument_parser import get_parser
from locust.env import Environment
from locust.util.load_locustfile import load_locustfile

from flask_assay.errors import UsageError
from flask_assay.load.deck import TOO_MANY, JourneyDeck
from flask_assay.load.lint import require_usable
from flask_assay.load.plan import LoadPlan
from flask_assay.load.worker.patience import pause

__all__ = ["Cast", "assemble", "make_environment"]

LIMITED_S = 1.0  # of a user who was told that it asks too often


@dataclass
class Cast:
    """The user classes of a run and what belongs to them."""

    user_classes: list[Any]
    shape: Any = None
    deck: JourneyDeck | None = None
    notes: list[str] = field(default_factory=list)


def assemble(plan: LoadPlan) -> Cast:
    """Return the virtual users that the plan asks for.

    Raises:
        UsageError: If the locustfile cannot be used.
    """
    cast = _from_locustfile(plan) if plan.locustfile else _from_journeys(plan)
    for user_class in cast.user_classes:
        _aim(user_class, plan.target.url)
    return cast


def make_environment(plan: LoadPlan, cast: Cast) -> Environment:
    """Return Locust's environment for a local, headless run against the target.

    Raises:
        UsageError: If the locustfile's own arguments have no defaults.
    """
    options = _options(plan)
    hosts = {user_class.host for user_class in cast.user_classes}
    return Environment(
        user_classes=cast.user_classes,
        shape_class=cast.shape if plan.follow_shape else None,
        events=locust.events,
        # Locust copies this over the classes' own hosts, whose paths would be lost.
        host=plan.target.url if hosts <= {plan.target.url} else None,
        tags=list(plan.tags) or None,
        exclude_tags=list(plan.exclude_tags) or None,
        stop_timeout=max(plan.drain_s, 0.001),  # 0 would kill users in mid-request
        parsed_options=options,
        locustfile=plan.locustfile.name if plan.locustfile else None,
        available_user_classes={each.__name__: each for each in cast.user_classes},
    )


def _from_locustfile(plan: LoadPlan) -> Cast:
    path = plan.locustfile
    assert path is not None
    classes, shapes = _load(path)
    if not classes:
        raise UsageError(
            f"{path.name} has no user class",
            why="Locust runs classes derived from HttpUser or FastHttpUser that are not abstract.",
            todo="class Visitor(HttpUser):\n    @task\n    def index(self):\n"
            '        self.client.get("/")',
        )
    chosen = _choose(classes, plan)
    shape = shapes[0] if shapes and plan.follow_shape else None
    notes = require_usable(path)
    if shape is not None:
        notes.append(f"{type(shape).__name__} of the locustfile decides the number of users")
    return Cast(chosen, shape=shape, notes=notes)


def _load(path: Path) -> tuple[dict[str, Any], list[Any]]:
    try:
        found: tuple[dict[str, Any], list[Any]] = load_locustfile(str(path))
    except SystemExit as error:
        raise UsageError(f"{path.name} calls sys.exit({error.code!r}) when imported") from error
    except Exception as error:
        place = _place(error, path)
        raise UsageError(
            f"{place}: {type(error).__name__}: {getattr(error, 'msg', error)}",
            why="The locustfile could not be imported.",
            todo="Run `python -c 'import locust, runpy; "
            f'runpy.run_path("{path.name}")\'` in the same environment to see it alone.',
        ) from error
    return found


def _place(error: BaseException, path: Path) -> str:
    if isinstance(error, SyntaxError) and error.filename:
        return f"{Path(error.filename).name}:{error.lineno}"
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == str(path)
    ]
    return f"{path.name}:{lines[-1]}" if lines else path.name


def _choose(classes: dict[str, Any], plan: LoadPlan) -> list[Any]:
    missing = [name for name in plan.user_classes if name not in classes]
    if missing:
        raise UsageError(
            f"no user class {', '.join(missing)} in the locustfile",
            why=f"It has {', '.join(sorted(classes))}.",
        )
    chosen = [classes[name] for name in plan.user_classes] or list(classes.values())
    runnable = [each for each in chosen if each.weight > 0 or each.fixed_count > 0]
    if not runnable:
        raise UsageError("every user class of the locustfile has weight 0")
    return runnable


def _from_journeys(plan: LoadPlan) -> Cast:
    deck = JourneyDeck(plan.journeys, random=Random(plan.seed))
    low, high = plan.think_time_s

    class JourneyUser(FastHttpUser):  # type: ignore[misc]
        """A visitor that knows the app's routes and nothing else."""

        wait_time = between(low, high) if high else constant(0)

        @task  # type: ignore[untyped-decorator]
        def visit(self) -> None:
            """Send one request of one journey."""
            journey, exchange = deck.draw()
            response = self.client.request(
                journey.method,
                exchange.path,
                name=journey.rule,
                data=exchange.body or None,
                headers=dict(exchange.headers),
                allow_redirects=False,
            )
            deck.answered(journey, exchange, response.status_code)
            if response.status_code == TOO_MANY:
                pause(self, LIMITED_S)

    return Cast([JourneyUser], deck=deck)


def _aim(user_class: Any, target_url: str) -> None:
    """Point a user class at the target, keeping the path of its own host."""
    own = urlsplit(user_class.host or "")
    user_class.host = target_url + own.path.rstrip("/")
    if hasattr(user_class, "proxy_host"):
        user_class.proxy_host = user_class.proxy_port = None


def _options(plan: LoadPlan) -> Any:
    try:
        options = get_parser().parse_args([])
    except SystemExit as error:
        raise UsageError(
            "the locustfile's own arguments could not be filled",
            why="It adds arguments that are required, or its locust.conf names unknown ones; "
            "the message is in the load worker's log.",
            todo="Give each argument of `init_command_line_parser` a default.",
        ) from error
    decided = {
        "host": plan.target.url,
        "headless": True,
        "master": False,
        "worker": False,
        "processes": None,
        "num_users": plan.users,
        "spawn_rate": float(plan.users),
        "run_time": round(plan.warm_up_s + plan.steady_s),
        "tags": list(plan.tags) or None,
        "exclude_tags": list(plan.exclude_tags) or None,
    }
    for name, value in decided.items():
        setattr(options, name, value)
    return options
