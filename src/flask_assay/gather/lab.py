"""The lab: the servers of one run, and targets booted on clones of its databases."""

import itertools
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeGuard

from flask_assay.config.resolve import Settings
from flask_assay.errors import TargetError, UsageError
from flask_assay.gather.inside.target_plan import PLAN_VARIABLE, TargetPlan
from flask_assay.gather.preflight import find_gunicorn_config
from flask_assay.gather.target import Target, boot_target
from flask_assay.gather.told import (
    EXTENSION_ADVICE,
    preparation_error,
    services_error,
    started_databases,
    too_slow,
    without_migrations,
)
from flask_assay.load.plan import LoadPlan
from flask_assay.model.deadline import Deadline
from flask_assay.model.owned import OwnedDatabase
from flask_assay.recording.directory import EVENTS, append_line
from flask_assay.routing.plan import RoutePlan
from flask_assay.services.databases import APP_ROLE
from flask_assay.services.external import ExternalPostgres, ExternalValkey
from flask_assay.services.ownership import marker_sql
from flask_assay.services.postgres import PostgresServer
from flask_assay.services.psql import SqlError, quoted
from flask_assay.services.run_dir import RunDirectory
from flask_assay.services.space import FreeSpace, free_bytes
from flask_assay.services.supervisor import Supervisor
from flask_assay.services.valkey import ValkeyServer, provision_valkey
from flask_assay.services.waiting import WaitTimeoutError, wait_until

__all__ = ["Copy", "Databases", "Lab"]

STUBS_S = 30.0
PREPARE_S = 600.0
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
        initial: The app's databases as they were before the load, for those who repeat it.
        stub_environment: Variables that the services hook gave.
        load_plan: The run's load, once it was decided.
        free_space: How to ask for free bytes.
        deadline: When the run is to end; None if it may take what it needs.
        schema: How the schema is made: the setting, or what served instead.
    """

    app: str
    settings: Settings
    run: RunDirectory
    supervisor: Supervisor
    postgres: PostgresServer | ExternalPostgres
    valkey: ValkeyServer | ExternalValkey
    recording: Path
    databases: Databases | None = None
    initial: Databases | None = None
    stub_environment: dict[str, str] = field(default_factory=dict)
    load_plan: LoadPlan | None = None
    free_space: FreeSpace = free_bytes
    deadline: Deadline | None = None
    schema: str = ""
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    @property
    def is_external(self) -> bool:
        """Whether the database server is one that the user gave."""
        return isinstance(self.postgres, ExternalPostgres)

    @property
    def role(self) -> str:
        """The role that the app connects as."""
        return self.postgres.address.user if _is_given(self.postgres) else APP_ROLE

    def create_databases(self) -> Databases:
        """Create the app's empty database, with the extensions that the settings name.

        Raises:
            UsageError: If the server lacks one of the extensions.
        """
        if not _is_given(self.postgres):
            # the prepare process creates the databases of further binds under the app's role
            self.postgres.sql(None, f"ALTER ROLE {APP_ROLE} CREATEDB")
        self.databases = Databases(self.create_database(_MAIN))
        return self.databases

    def create_database(self, name: str) -> OwnedDatabase:
        """Create an empty database with the extensions that the settings name.

        Raises:
            UsageError: If the server lacks one of the extensions.
        """
        main = self.postgres.create_database(name)
        for extension in self.settings.items("schema_extensions"):
            asked = f"CREATE EXTENSION IF NOT EXISTS {quoted(extension)} CASCADE"
            try:
                self.postgres.sql(main, asked)
            except SqlError as error:
                raise UsageError(
                    f"schema_extensions: {extension!r} can not be created",
                    why=error.what,
                    todo=EXTENSION_ADVICE,
                ) from error
        return main

    def adopt_further(self, names: Mapping[str, str]) -> None:
        """Take note of the databases that the prepare process made for further binds."""
        assert self.databases is not None
        main = self.databases.main
        owned = {key: replace(main, name=name) for key, name in names.items()}
        self.databases = Databases(main, owned)
        for each in self.databases.all():
            if each.name != main.name:
                self.postgres.sql(each, marker_sql(self.run.nonce, self.run.run_id))

    def clone_databases(self, label: str) -> Databases:
        """Return a fresh copy of every database of the app. No target may be connected."""
        assert self.databases is not None
        copies = {
            each.name: self.postgres.create_database(f"{each.name}_{label}", template=each)
            for each in self.databases.all()
        }
        further = {key: copies[each.name] for key, each in self.databases.further.items()}
        return Databases(copies[self.databases.main.name], further)

    def keep_initial(self) -> None:
        """Copy the databases before the load changes them. No target may be connected."""
        self.initial = self.clone_databases("initial")

    def copy(self, label: str) -> Copy:
        """Return a fresh copy of databases and Redis. No target may be connected.

        Redis is copied too, as one arm's cache must not answer another arm's requests.
        """
        return Copy(self.clone_databases(label), self.copy_valkey())

    def copy_valkey(self) -> ValkeyServer:
        """Return another Redis server with the same data."""
        if isinstance(self.valkey, ValkeyServer):
            return self.valkey.clone()
        # a server that the user gave is not copied; every arm starts with an empty one of ours
        return provision_valkey(self.supervisor)

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

        try:
            wait_until(answered, timeout_s=STUBS_S, what=f"the services hook {spec}")
        except WaitTimeoutError:
            failure = f"it did not return within {STUBS_S:g} s"
            raise services_error(spec, failure, process.log_tail()) from None
        if not answer.exists():
            raise services_error(spec, "", process.log_path.read_text(errors="replace"))
        self.stub_environment = json.loads(answer.read_text())

    def route(self, copy: Copy | None = None) -> RoutePlan:
        """Return where a target's connections go: to a copy, else to the originals."""
        databases = copy.databases if copy else self.databases
        assert databases is not None
        further = {key: each.name for key, each in databases.further.items()}
        plan = RoutePlan(
            host=str(self.postgres.socket_dir),
            port=self.postgres.port,
            user=self.role,
            database=databases.main.name,
            further=further,
        )
        if _is_given(self.postgres):
            plan = _given_postgres(plan, self.postgres)
        return _with_redis(plan, copy.valkey if copy else self.valkey)

    def environment(self, extra: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of a process of the target."""
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("ASSAY_") and name not in _NOT_INHERITED
        }
        if self.databases is not None:
            url = _plain_url(self.postgres.url(self.databases.main, driver=_driver()))
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
            schema=self.schema or settings.text("schema"),
            seed=settings.text("seed"),
            scale=settings.number("scale"),
            random_seed=settings.integer("random_seed"),
            login=settings.text("login"),
            identity_count=settings.integer("users"),
            private=str(self.run.private),
            gunicorn_config=str(find_gunicorn_config(settings) or ""),
            egress_allow=settings.items("egress_allow"),
            **changes,
        )

    def next_number(self) -> int:
        """Return a number that this run has not used, for names of processes and files."""
        return next(self._numbers)  # of one step, as passes run in threads

    def boot(self, plan: TargetPlan) -> Target:
        """Boot Gunicorn with these orders."""
        name = f"gunicorn-{self.next_number()}"
        path = plan.write(self.run.private / f"{name}.json")
        environment = self.environment({PLAN_VARIABLE: str(path)})
        timeout_s = self.settings.number("boot_timeout_s")
        return boot_target(self.supervisor, name, plan, environment, timeout_s=timeout_s)

    def prepare(self) -> None:
        """Load the app on the empty database, make its schema and fill it.

        Where the setting leaves the way open and migrations fail, the models make the schema.

        Raises:
            TargetError: If one of it fails.
        """
        plan = self.plan(self.route(), self.recording)
        try:
            self._prepare(plan)
        except TargetError as error:
            told = without_migrations(plan, error)
            if not told:
                raise
            self._empty(plan)
            self.schema = "create_all"
            try:
                self._prepare(self.plan(self.route(), self.recording))
            except TargetError:
                raise error from None  # the way that the app itself goes is the one to mend
            event = {"event": "incident", "kind": "migrations-failed", "text": told}
            append_line(self.recording, EVENTS, event)

    def _empty(self, plan: TargetPlan) -> None:
        """Replace what a prepare process left half made by an empty database."""
        assert self.databases is not None
        main = self.databases.main
        for name in {main.name, *started_databases(plan).values()}:
            self.postgres.drop_database(replace(main, name=name))
        self.databases = Databases(self.create_database(_MAIN))

    def _prepare(self, plan: TargetPlan) -> None:
        path = plan.write(self.run.private / "prepare.json")
        process = self.supervisor.start(
            "prepare",
            [sys.executable, "-m", "flask_assay.gather.inside.prepare"],
            env=self.environment({PLAN_VARIABLE: str(path)}),
            cwd=Path.cwd(),
        )
        try:
            code = process.wait(timeout_s=PREPARE_S)
        except WaitTimeoutError:
            raise too_slow(self.recording, PREPARE_S) from None
        if code != 0:
            raise preparation_error(plan, process.log_path.read_text(errors="replace"), code)
        found = json.loads((self.recording / "databases.json").read_text())["databases"]
        self.adopt_further(found)


def _is_given(server: PostgresServer | ExternalPostgres) -> TypeGuard[ExternalPostgres]:
    return isinstance(server, ExternalPostgres)


def _given_postgres(plan: RoutePlan, server: ExternalPostgres) -> RoutePlan:
    address = server.address
    return replace(
        plan, host=address.host, port=address.port, password=address.password, suffix=server.suffix
    )


def _with_redis(plan: RoutePlan, server: ValkeyServer | ExternalValkey) -> RoutePlan:
    if isinstance(server, ValkeyServer):
        return replace(plan, redis_path=str(server.socket_path))
    address = server.address
    return replace(
        plan,
        redis_path=address.path,
        redis_host=address.host,
        redis_port=address.port,
        redis_database=address.database,
        redis_user=address.username,
        redis_password=address.password,
    )


def _driver() -> str:
    """Return the installed driver; a URL without one means another in each SQLAlchemy."""
    return "psycopg2" if find_spec("psycopg2") else "psycopg"


def _plain_url(url: str) -> str:
    """Return a URL without percent signs, which Alembic's configuration files can not hold."""
    return url.replace("%2F", "/").replace("%3A", ":")
