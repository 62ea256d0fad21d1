"""The lab: the servers of one run, and targets booted on clones of its databases."""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from flask_assay.config.resolve import Settings
from flask_assay.errors import TargetError, UsageError
from flask_assay.gather.inside.target_plan import PLAN_VARIABLE, TargetPlan
from flask_assay.gather.target import Target, boot_target
from flask_assay.load.plan import LoadPlan
from flask_assay.model.owned import OwnedDatabase
from flask_assay.routing.plan import RoutePlan
from flask_assay.services.postgres import PostgresServer
from flask_assay.services.run_dir import RunDirectory
from flask_assay.services.supervisor import Supervisor
from flask_assay.services.valkey import ValkeyServer
from flask_assay.services.waiting import wait_until

__all__ = ["Copy", "Databases", "Lab"]

_MAIN = "app"
# The coverage hook would measure the tracer instead of the app. FLASK_DEBUG, often in .flaskenv,
# is read by the `flask` command; a server in production does not see it.
_NOT_INHERITED = frozenset({"COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START", "FLASK_DEBUG"})


@dataclass(frozen=True, slots=True)
class Databases:
    """One consistent set of the app's databases.

    Attributes:
        main: Database of the first URL.
        further: Key of each URL to its database, the first included.
    """

    main: OwnedDatabase
    further: Mapping[str, OwnedDatabase] = field(default_factory=dict)

    def all(self) -> tuple[OwnedDatabase, ...]:
        """Return each database once."""
        return tuple({each.name: each for each in (self.main, *self.further.values())}.values())


@dataclass(frozen=True, slots=True)
class Copy:
    """A private copy of the app's data: databases and Redis, as the load left them."""

    databases: Databases
    valkey: ValkeyServer


@dataclass
class Lab:
    """Everything that stands ready for targets of one app.

    Attributes:
        app: Import path as given to ``flask --app``.
        settings: Effective settings.
        run: The run's directory.
        supervisor: Starts and ends every process of the run.
        postgres: The database server.
        valkey: The Redis server.
        recording: Directory of the recording.
        databases: The app's databases, once they were created.
        stub_environment: Variables that the services hook gave.
        load_plan: The run's load, once it was decided.
    """

    app: str
    settings: Settings
    run: RunDirectory
    supervisor: Supervisor
    postgres: PostgresServer
    valkey: ValkeyServer
    recording: Path
    databases: Databases | None = None
    stub_environment: dict[str, str] = field(default_factory=dict)
    load_plan: LoadPlan | None = None
    _count: int = 0

    def create_databases(self) -> Databases:
        """Create the app's empty database, with the extensions that the settings name."""
        # the prepare process creates the databases of further binds under the app's role
        self.postgres.sql(None, "ALTER ROLE assay_app CREATEDB")
        main = self.postgres.create_database(_MAIN)
        for name in self.settings.items("schema_extensions"):
            quoted = name.replace('"', '""')
            self.postgres.sql(main, f'CREATE EXTENSION IF NOT EXISTS "{quoted}" CASCADE')
        self.databases = Databases(main)
        return self.databases

    def adopt_further(self, names: Mapping[str, str]) -> None:
        """Take note of the databases that the prepare process made for further binds."""
        assert self.databases is not None
        main = self.databases.main
        owned = {key: replace(main, name=name) for key, name in names.items()}
        self.databases = Databases(main, owned)

    def clone_databases(self, label: str) -> Databases:
        """Return a fresh copy of every database of the app. No target may be connected."""
        assert self.databases is not None
        copies = {
            each.name: self.postgres.create_database(f"{each.name}_{label}", template=each)
            for each in self.databases.all()
        }
        further = {key: copies[each.name] for key, each in self.databases.further.items()}
        return Databases(copies[self.databases.main.name], further)

    def copy(self, label: str) -> Copy:
        """Return a fresh copy of databases and Redis. No target may be connected.

        Redis is copied too, as one arm's cache must not answer another arm's requests.
        """
        return Copy(self.clone_databases(label), self.valkey.clone())

    def discard(self, copy: Copy) -> None:
        """Drop a copy."""
        copy.valkey.stop()
        for each in copy.databases.all():
            self.postgres.drop_database(each)

    def start_stubs(self) -> None:
        """Start what the app calls, by the user's hook, in a process of its own."""
        spec = self.settings.text("services")
        if not spec:
            return
        answer = self.run.private / "services.json"
        process = self.supervisor.start(
            "services-hook",
            [sys.executable, "-m", "flask_assay.gather.inside.stubs", str(answer), spec],
            env=self.environment({}),
            cwd=self.settings.project,
        )

        def answered() -> bool:
            return answer.exists() or process.poll() is not None

        wait_until(answered, timeout_s=30.0, what=f"the services hook {spec}")
        if not answer.exists():
            raise UsageError(
                f"services = {spec!r}: the hook failed",
                why=process.log_path.read_text(errors="replace")[-3000:],
                todo="It is called without arguments and returns a mapping of environment "
                "variables, or a context manager that yields one.",
            )
        self.stub_environment = json.loads(answer.read_text())

    def route(self, copy: Copy | None = None) -> RoutePlan:
        """Return where a target's connections go: to a copy, else to the originals."""
        databases = copy.databases if copy else self.databases
        server = copy.valkey if copy else self.valkey
        assert databases is not None
        return RoutePlan(
            host=str(self.postgres.socket_dir),
            port=self.postgres.port,
            user="assay_app",
            database=databases.main.name,
            further={key: each.name for key, each in databases.further.items()},
            redis_path=str(server.socket_path),
        )

    def environment(self, extra: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of a process of the target."""
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("ASSAY_") and name not in _NOT_INHERITED
        }
        if self.databases is not None:
            url = self.postgres.url(self.databases.main)
            inherited |= dict.fromkeys(self.settings.items("database_env"), url)
        redis = "redis://localhost:6379/0"  # rerouted to our socket at connect time
        inherited |= dict.fromkeys(self.settings.items("redis_env"), redis)
        return inherited | self.stub_environment | self.settings.table("env") | dict(extra)

    def plan(self, route: RoutePlan, recording: Path, **changes: Any) -> TargetPlan:
        """Return the orders for one process of the target."""
        settings = self.settings
        return TargetPlan(
            app=self.app,
            directory=str(Path.cwd()),
            recording=str(recording),
            route=route,
            schema=settings.text("schema"),
            seed=settings.text("seed"),
            scale=settings.number("scale"),
            random_seed=settings.integer("random_seed"),
            login=settings.text("login"),
            identity_count=settings.integer("users"),
            private=str(self.run.private),
            gunicorn_config=_gunicorn_config(settings),
            egress_allow=settings.items("egress_allow"),
            **changes,
        )

    def next_number(self) -> int:
        """Return a number that this run has not used, for names of processes and files."""
        self._count += 1
        return self._count

    def boot(self, plan: TargetPlan) -> Target:
        """Boot Gunicorn with these orders."""
        name = f"gunicorn-{self.next_number()}"
        path = plan.write(self.run.private / f"{name}.json")
        environment = self.environment({PLAN_VARIABLE: str(path)})
        timeout_s = self.settings.number("boot_timeout_s")
        return boot_target(self.supervisor, name, plan, environment, timeout_s=timeout_s)

    def prepare(self) -> None:
        """Load the app on the empty database, make its schema and fill it."""
        assert self.databases is not None
        plan = self.plan(self.route(), self.recording)
        path = plan.write(self.run.private / "prepare.json")
        process = self.supervisor.start(
            "prepare",
            [sys.executable, "-m", "flask_assay.gather.inside.prepare"],
            env=self.environment({PLAN_VARIABLE: str(path)}),
            cwd=Path.cwd(),
        )
        code = process.wait(timeout_s=600.0)
        if code != 0:
            raise _told(process.log_path.read_text(errors="replace"), code)
        found = json.loads((self.recording / "databases.json").read_text())["databases"]
        self.adopt_further(found)


def _gunicorn_config(settings: Settings) -> str:
    named = settings.text("gunicorn_config")
    if named and not Path(named).is_file():
        raise UsageError(
            f"gunicorn_config = {named!r}: no such file", todo="Name a Gunicorn config file."
        )
    default = Path.cwd() / "gunicorn.conf.py"
    if named:
        return str(Path(named).resolve())
    return str(default) if default.is_file() else ""


def _told(log: str, code: int | None) -> TargetError:
    """Turn what the prepare process said last into an error."""
    try:
        told = json.loads(log.strip().splitlines()[-1])
    except (ValueError, IndexError):
        return TargetError(
            f"the app's process ended with code {code} while it was prepared",
            why=log[-3000:],
            todo="Run the app by hand: it must import and create its schema.",
        )
    step, kind, message = told["step"], told["kind"], told["message"]
    return TargetError(
        f"could not {step}: {kind}: {message}",
        why=_last_frames(told["traceback"]),
        todo=_advice(step, kind, message),
    )


def _last_frames(text: str) -> str:
    kept = [line for line in text.splitlines() if "flask_assay" not in line]
    return "\n".join(kept[-16:])


def _advice(step: str, kind: str, message: str) -> str:
    if kind == "SystemExit":
        return "The app ends the process at import; give it the configuration that it asks for."
    if "extension" in message and ("not available" in message or "control file" in message):
        return (
            "The embedded PostgreSQL lacks this extension. Give a server that has it by "
            "ASSAY_POSTGRES_URL, or leave the extension out of the schema for this run."
        )
    if step == "load the app":
        return (
            "`flask --app … routes` must work first; environment variables go to [tool.assay] env."
        )
    if step == "sign in":
        return "The login hook takes app and number, and returns a mapping of request headers."
    if step == "fill the database":
        return "Mend the seed hook, or leave the setting out: the tables are then filled for you."
    return "Mend the app's schema, or choose another way with the setting `schema`."
