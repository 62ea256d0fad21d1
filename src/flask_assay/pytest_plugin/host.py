"""Who owns the server and the sandbox: the process that pytest was started as, or a worker.

What starts a server is imported by whoever does: a worker, which finds one, is not to wait for it.
"""

import contextlib
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flask_assay.errors import AssayError
from flask_assay.pytest_plugin.hooks_only import HooksOnly
from flask_assay.pytest_plugin.shared import SharedServer, leave, wait_for_server
from flask_assay.sandbox.active import activate, deactivate
from flask_assay.sandbox.attach import Attachment
from flask_assay.sandbox.foreign_engines import placeholder_url
from flask_assay.sandbox.place import Place
from flask_assay.sandbox.provision import Provision
from flask_assay.sandbox.sandbox import Sandbox

if TYPE_CHECKING:
    from flask_assay.pytest_plugin.resources.redis import RedisServer
    from flask_assay.sandbox.early import EarlyServer
    from flask_assay.sandbox.recipe import Recipe
    from flask_assay.services.run_dir import RunDirectory
    from flask_assay.services.supervisor import Supervisor

__all__ = ["Host"]

STATE_VARIABLE = "ASSAY_SANDBOX_STATE"
"""Path of the file by which xdist's workers find the server."""
WORKER_VARIABLE = "PYTEST_XDIST_WORKER"
_MODES = ("auto", "rollback", "clone", "off")


class Host(HooksOnly):
    """Provides the sandbox, on first use; decides for connections made before.

    Args:
        config: Of the pytest run.
    """

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        _check(config)
        self.lock_wait_s = _seconds(config.getini("assay_lock_wait"))
        self.attachment = Attachment()
        self.provision: Provision | None = None
        self._sandbox: Sandbox | None = None
        self._run: RunDirectory | None = None
        self._supervisor: Supervisor | None = None
        self._environment = pytest.MonkeyPatch()
        self._worker = os.environ.get(WORKER_VARIABLE, "")
        self._lock = threading.RLock()
        self.is_over = self.is_down = self.stands_back = False
        self._redis: RedisServer | None = None
        self._early: EarlyServer | None = None
        self._shared: SharedServer | None = None
        self._connected = 0
        self.gate: Callable[[], None] | None = None
        self.listeners: list[Callable[[], None]] = []

    @cached_property
    def recipe(self) -> "Recipe":
        """What the template is made of."""
        from flask_assay.sandbox.recipe import Recipe

        names = ("app", "schema", "seed", "clean")
        return Recipe(**{name: self.config.getini(f"assay_{name}") for name in names})

    @cached_property
    def _key(self) -> str:
        from flask_assay.sandbox.early import project_key

        return project_key(str(self.config.rootpath), repr(self.recipe))

    @property
    def is_worker(self) -> bool:
        """Whether this process is one of xdist's workers."""
        return bool(self._worker)

    def attach(self) -> None:
        """Catch the app's connections from now on; nothing is started yet."""
        for path in (*self.config.getini("pythonpath"), self.config.rootpath):
            if str(path) not in sys.path:
                sys.path.insert(0, str(path))
        variable = self.config.getini("assay_database_env")
        if variable:
            self._environment.setenv(variable, placeholder_url())
        self.attachment.attach(self)
        activate(self)

    def begin(self) -> None:
        """Launch the server that will probably be needed, and do not wait for it."""
        if not self._worker and self.provision is None:
            from flask_assay.sandbox.early import EarlyServer

            with contextlib.suppress(AssayError, OSError):  # told when the server is needed
                self._early = EarlyServer.launch(self.supervisor, self._key)

    def stand_back(self) -> None:
        """Leave connections alone, for a test that wants none of this; idempotent."""
        if not self.stands_back:
            self.stands_back = True
            self.attachment.detach()
            deactivate(self)

    def stand_in(self) -> None:
        """Catch connections again; idempotent."""
        if self.stands_back:
            self.stands_back = False
            self.attachment.attach(self)
            activate(self)

    @property
    def supervisor(self) -> "Supervisor":
        """Of this process's own run, made on first use."""
        if self._supervisor is None:
            from flask_assay.services.run_dir import RunDirectory
            from flask_assay.services.supervisor import Supervisor

            self._run = RunDirectory.create()
            self._supervisor = Supervisor(self._run)
            self._supervisor.__enter__()
        return self._supervisor

    @property
    def sandbox(self) -> Sandbox:
        """The sandbox, with its server; provided on first use."""
        with self._lock:
            if self._sandbox is None:
                provision = self.provide()
                self._sandbox = Sandbox(
                    replace(provision.server, lock_wait_s=self.lock_wait_s),
                    provision.templates,
                    worker=self._worker or "main",
                    attachment=self.attachment,
                )
            return self._sandbox

    @property
    def is_started(self) -> bool:
        """Whether there is a sandbox."""
        return self._sandbox is not None

    @property
    def uses(self) -> int:
        """A number that grows whenever anything uses a database."""
        current = self._sandbox._current if self._sandbox is not None else None
        return self._connected + (current.journal.statements if current is not None else 0)

    @property
    def redis(self) -> "RedisServer":
        """This process's own Redis server; started on first use."""
        if self._redis is None:
            from flask_assay.pytest_plugin.resources.redis import RedisServer

            self._redis = RedisServer(self.supervisor).__enter__()
        return self._redis

    def provide(self) -> Provision:
        """Return server and templates, made or found on first use."""
        if self.provision is None:
            if self.config.getini("assay_redis"):
                _ = self.redis  # the app and its seeds are to find it
            state = os.environ.get(STATE_VARIABLE, "")
            if self.is_worker and state:
                self.provision = wait_for_server(Path(state))
            else:
                self.provision = self._built()
            if self.config.getini("assay_redis"):
                self._settle_redis(self.provision)
        return self.provision

    def _settle_redis(self, provision: Provision) -> None:
        """Learn what the seeds left in Redis, or put it there."""
        path = self.supervisor.run.cache / f"redis-{provision.digest}.json"
        if provision.is_cached:
            self.redis.load_base(path)
        else:
            self.redis.learn_base(path)

    def _built(self) -> Provision:
        from flask_assay.sandbox.early import remember
        from flask_assay.sandbox.providing import provide

        try:
            provision = provide(self.supervisor, self.recipe, self.attachment, early=self._early)
        except AssayError as error:
            # Not an error of one test: without a template there is nothing to run.
            reason = f"{type(error).__name__}: {error}"
            raise pytest.exit.Exception(reason, pytest.ExitCode.USAGE_ERROR) from error
        remember(self.supervisor.run.cache, self._key, provision.digest)
        return provision

    def announce(self, workers: list[str]) -> None:
        """Tell xdist's workers, before they start, where they will find the server.

        Args:
            workers: Their names.
        """
        self._shared = SharedServer(self.supervisor.run.private / "sandbox.json", workers)
        self._environment.setenv(STATE_VARIABLE, str(self._shared.state))

    def share(self) -> None:
        """Let the workers that start meanwhile have the server, and a database each."""
        if self._shared is not None:
            self._shared.publish(self.provide, self.attachment)

    def close(self) -> None:
        """Undo everything and stop what was started; idempotent."""
        self.is_over = True
        deactivate(self)
        if self._shared is not None:
            self._shared.close()
        if self._sandbox is not None:
            self._sandbox.detach(drop=False)  # the server and all that is on it ends with us
        self.attachment.detach()
        if self.is_worker:
            leave(os.environ.get(STATE_VARIABLE, ""), self._worker)
        self._environment.undo()
        if self._early is not None and self._run is not None and self.provision is None:
            from flask_assay.sandbox.early import forget

            forget(self._run.cache, self._key)  # nor will the next session need it
        self._stop_servers()

    def close_beside_workers(self) -> None:
        """Stop the servers as soon as no worker needs one, while the workers' processes end."""
        if self._shared is not None and self._sandbox is None and self.provision is not None:
            self._shared.when_left(self._stop_servers)

    def _stop_servers(self) -> None:
        """Stop what was started and remove what is left of it; idempotent."""
        if self._redis is not None:
            self._redis.__exit__(None, None, None)
            self._redis = None
        if self._supervisor is not None:
            self._supervisor.__exit__(None, None, None)
            self._supervisor = None
        if self._run is not None:
            self._run.close()
            self._run = None

    # -- what the attachment asks ---------------------------------------------------------

    @property
    def epoch(self) -> object:
        """Changes whenever pooled connections become useless."""
        return self.sandbox.epoch

    def connect(self, driver: str, source: dict[str, Any], *, is_pooled: bool) -> Any:
        """Return a connection for an app that asked for `source`."""
        self._use()
        if self.is_down:
            raise _refusal(driver)
        return self.sandbox.connect(driver, source, is_pooled=is_pooled)

    def _use(self) -> None:
        self._connected += 1
        if self.gate is not None:
            self.gate()
        for listener in self.listeners:
            listener()

    def place(self, source: dict[str, Any]) -> Place:
        """Return where a connection for `source` goes."""
        return self.sandbox.place(source)

    def is_current(self, connection: Any) -> bool:
        """Whether a pooled connection may be used."""
        if self.is_down:
            return False
        if self._sandbox is None:
            return not type(connection).__module__.startswith("psycopg")
        return self._sandbox.is_current(connection)

    def checked_out(self, connection: Any) -> None:
        """Note that a connection was handed to the app."""
        self._use()
        if self._sandbox is not None:
            self._sandbox.checked_out(connection)

    def rebuilt(self, name: str, metadata: Any, arguments: dict[str, Any]) -> bool:
        """Whether ``create_all`` or ``drop_all`` has nothing left to do."""
        return self._sandbox is not None and self._sandbox.rebuilt(name, metadata, arguments)

    def used_session(self, session: Any) -> None:
        """Note an SQLAlchemy session that began a transaction."""
        if self._sandbox is not None:
            self._sandbox.used_session(session)


def _check(config: pytest.Config) -> None:
    """Refuse settings that would be taken for something else.

    Raises:
        pytest.UsageError: With the setting and what it may be.
    """
    mode = config.getini("assay_sandbox")
    if mode not in _MODES:
        raise pytest.UsageError(f"assay_sandbox = {mode}: it is {', '.join(_MODES)}")
    for name, words in (("schema", ("auto", "none")), ("seed", ("",)), ("clean", ("",))):
        text = config.getini(f"assay_{name}")
        if ":" not in text and text not in words:
            named = " or ".join(word for word in (*words, "module:callable") if word)
            raise pytest.UsageError(f"assay_{name} = {text}: it is {named}")


def _refusal(driver: str) -> Exception:
    """Return what a driver raises when nobody listens."""
    import importlib

    error = getattr(importlib.import_module(driver), "OperationalError", ConnectionRefusedError)
    refused: Exception = error("connection refused: assay_db.down()")
    return refused


def _seconds(text: str) -> float:
    """Return the setting ``assay_lock_wait`` in seconds.

    Raises:
        pytest.UsageError: It is no number, or negative.
    """
    try:
        limit_s = float(text)
    except ValueError:
        limit_s = -1.0
    if limit_s < 0:
        raise pytest.UsageError(f"assay_lock_wait = {text}: seconds, or 0 to wait for ever")
    return limit_s
