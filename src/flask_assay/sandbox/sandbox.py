"""The lifecycle of isolated tests in one process: checkout, checkin, layers, healing."""

import contextlib
import threading
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakSet

from flask_assay.errors import AssayError
from flask_assay.model.owned import OwnedDatabase
from flask_assay.sandbox.admin import Admin, ServerAddress
from flask_assay.sandbox.attach import Attachment, startup_settings
from flask_assay.sandbox.checkout import Aside, Checkin, Gear, Template
from flask_assay.sandbox.clones import Clone, ClonePool
from flask_assay.sandbox.crashes import is_hurt
from flask_assay.sandbox.dead_rows import DeadRows
from flask_assay.sandbox.link import Link
from flask_assay.sandbox.links import (
    close_all,
    from_psycopg_pool,
    has_shared_rows,
    is_touched,
    new_link,
    real_arguments,
    stands_alone,
    template_for,
)
from flask_assay.sandbox.place import Place
from flask_assay.sandbox.ready import obtain
from flask_assay.sandbox.rebuilds import answers
from flask_assay.sandbox.signals import (
    GearChangeError,
    Journal,
    Query,
    Signal,
    SignalKind,
    call_site,
    current_thread,
)

__all__ = ["Sandbox"]


@dataclass(slots=True)
class _Current:
    """The test that runs."""

    journal: Journal
    gear: Gear
    clones: dict[str, Clone] = field(default_factory=dict)
    sessions: "WeakSet[Any]" = field(default_factory=WeakSet)


class Sandbox:
    """Everything that one worker process isolates its tests with.

    Args:
        server: The run's server.
        templates: What tests start from; the first is where unknown addresses lead.
        worker: For names: "main", "gw0"….
        attachment: Where the app's connections are caught.

    Attributes:
        kept: Databases put aside, as their tests left them.
        layers_lost_by: The test that took the rows of shared fixtures with it; "" if none did.
    """

    def __init__(
        self,
        server: ServerAddress,
        templates: list[Template],
        *,
        worker: str = "main",
        attachment: Attachment | None = None,
    ) -> None:
        self.server, self.worker = server, worker
        self.templates = {template.key: template for template in templates}
        self._main = templates[0]
        self.attachment = attachment or Attachment()
        self.journal = Journal("outside of tests")
        self._current: _Current | None = None
        self._links: dict[tuple[str, str], Link] = {}
        self._databases: dict[str, OwnedDatabase] = {}
        self._layers: list[Journal] = []
        self._real: WeakSet[Any] = WeakSet()
        self._generation = 0
        self._lock = threading.RLock()
        self.kept = Aside()
        self.layers_lost_by = ""
        self._dead_rows = DeadRows()
        self._admin: Admin | None = None
        self._pool: ClonePool | None = None

    # -- servers and databases ------------------------------------------------------------

    @property
    def admin(self) -> Admin:
        """Our own connections."""
        if self._admin is None:
            self._admin = Admin(self.server, self.attachment.own_connect())
        return self._admin

    @property
    def pool(self) -> ClonePool:
        """Clones in stock."""
        if self._pool is None:
            self._pool = ClonePool(self.server, self.attachment.own_connect(), self.worker)
        return self._pool

    def attach(self) -> None:
        """Catch the app's connections; idempotent."""
        self.attachment.attach(self)

    def detach(self, *, drop: bool = True) -> None:
        """Let go of the app's connections, close ours, drop databases unless told; idempotent."""
        for link in self._links.values():
            link.close()
        self._links.clear()
        self.attachment.detach()
        if self._pool is not None:
            self._pool.close(drop=drop)
        if self._admin is not None:
            for db in self._databases.values() if drop else ():
                with contextlib.suppress(Exception):
                    self._admin.drop(db)
            self._admin.close()
        self._databases.clear()
        self._pool = self._admin = None

    def _template(self, source: dict[str, Any]) -> Template:
        return template_for(source, self.templates) if len(self.templates) > 1 else self._main

    def _database(self, template: Template) -> OwnedDatabase:
        """Return this worker's own copy of a template for the rollback gear."""
        db = self._databases.get(template.key)
        if db is None:
            self._generation += 1
            name = f"assay_{self.server.run_id}_{self.worker}_{self._generation}"
            db = obtain(self.admin, template.db, self.worker, name)
            self.admin.prove(db)
            self._databases[template.key] = db
        return db

    def place(self, source: dict[str, Any]) -> Place:
        """Return where a connection of the app's goes right now."""
        template = self._template(source)
        if self._current is not None and self._current.gear == "clone":
            return self.server.place(self._clone(template).db)
        with self._lock:
            self._flush()
            return self.server.place(self._database(template))

    def _flush(self, *, asks: bool = False) -> None:
        """End on the server what has ended here, before somebody else looks."""
        for (key, _), link in list(self._links.items()):
            try:
                link.flush()
                if asks and link.is_open and not link.is_aborted():
                    link.read("SELECT 1")
            except Exception:  # noqa: BLE001 - whatever broke it, the cure is the same
                self._replace_database(key)

    def _clone(self, template: Template) -> Clone:
        assert self._current is not None
        with self._lock:
            clone = self._current.clones.get(template.key)
            if clone is None:
                clone = self.pool.take(template.db, template.facts)
                self._current.clones[template.key] = clone
            return clone

    # -- what the attachment asks ---------------------------------------------------------

    @property
    def epoch(self) -> object:
        """Changes whenever pooled connections become useless."""
        return self._generation

    def connect(self, driver: str, source: dict[str, Any], *, is_pooled: bool) -> Any:
        """Return a connection for an app that asked for `source`."""
        if self._current is not None and self._current.gear == "clone":
            self._current.journal.is_deaf |= not is_pooled
            return self._real_connection(driver, source)
        if driver not in {"psycopg2", "psycopg"}:
            self._hard("driver", f"{driver} has no rollback gear")
            return None
        if source.get("connection_factory") is not None or from_psycopg_pool():
            self._hard("connection-class", "a connection class of the app's own needs a clone")
            return self._real_connection(driver, source)
        with self._lock:
            link = self._link(self._template(source), driver)
        settings = startup_settings(source)
        logical = link.logical({**source, "settings": settings})
        logical.session.is_pooled = is_pooled
        return logical

    def _hard(self, reason: str, text: str) -> None:
        journal = self._current.journal if self._current else self.journal
        journal.note(Signal(SignalKind.HARD, reason, text, "", call_site(), current_thread()))
        if self._current is not None:
            raise GearChangeError(text)

    def _real_connection(self, driver: str, source: dict[str, Any]) -> Any:
        if driver not in {"psycopg2", "psycopg"}:
            return None
        arguments = real_arguments(driver, source, self.place(source))
        connection = self.attachment.originals[driver](**arguments)
        self._real.add(connection)
        return connection

    def _link(self, template: Template, driver: str) -> Link:
        link = self._links.get((template.key, driver))
        if link is None:
            place = self.server.place(self._database(template))
            link = new_link(driver, place, template, self.attachment.originals[driver])
            for scope in self._layers:
                link.enter(scope, label=scope.label)
            if self._current is not None:
                link.enter(self._current.journal, label=self._current.journal.label)
            else:
                link.journal = self._layers[-1] if self._layers else self.journal
            self._links[template.key, driver] = link
            link.siblings = [
                other for (key, _), other in self._links.items() if key == template.key
            ]
            for other in link.siblings:
                other.siblings = link.siblings
        return link

    def is_current(self, connection: Any) -> bool:
        """Whether a pooled connection may be used by the test that runs."""
        link = getattr(connection, "_assay_link", None)
        is_clone = self._current is not None and self._current.gear == "clone"
        if link is not None:
            return not is_clone and not link.is_lost and link in self._links.values()
        if type(connection).__module__.startswith("psycopg"):
            return is_clone and connection in self._real
        return True

    def checked_out(self, connection: Any) -> None:
        """Note that connecting is over for a pooled connection."""
        link = getattr(connection, "_assay_link", None)
        if link is not None:
            link.checked_out(connection)

    def used_session(self, session: Any) -> None:
        """Note an SQLAlchemy session that began a transaction."""
        if self._current is not None:
            self._current.sessions.add(session)

    def rebuilt(self, name: str, metadata: Any, arguments: dict[str, Any]) -> bool:
        """Whether ``create_all`` or ``drop_all`` has nothing left to do."""
        is_test = self._current is not None
        return is_test and answers(name, metadata, arguments, self, self._template)

    # -- the lifecycle --------------------------------------------------------------------

    @property
    def gear(self) -> Gear:
        """The gear in use."""
        return self._current.gear if self._current else "rollback"

    def checkout(self, label: str, *, gear: Gear = "rollback") -> Journal:
        """Begin a test. Costs nothing until it uses a database.

        Raises:
            AssayError: Another test is checked out.
        """
        if self._current is not None:
            raise AssayError(f"{label} cannot be checked out: {self._current.journal.label} is")
        journal = Journal(label)
        self._current = _Current(journal, gear)
        for link in self._links.values():
            link.is_paused = gear == "clone"
            if gear == "rollback":
                link.enter(journal, label=label)
        return journal

    def note(self, kind: SignalKind, reason: str, text: str) -> None:
        """Record something that was noticed from outside about the test that runs."""
        if self._current is not None and self._current.gear == "rollback":
            signal = Signal(kind, reason, text, "", call_site(), current_thread())
            self._current.journal.note(signal)

    def take_outer_signals(self) -> tuple[Signal, ...]:
        """Return, and forget, what was noticed in shared fixtures and outside of tests."""
        found: list[Signal] = []
        for journal in (self.journal, *self._layers):
            found += journal.signals
            journal.signals.clear()
        return tuple(found)

    def checkin(self, *, keep: bool = False) -> Checkin:
        """End the test: undo what it did. Idempotent.

        Args:
            keep: Put the test's database aside as it is, and continue on a fresh one.
        """
        current = self._current
        if current is None:
            return Checkin("rollback", (), 0, 0)
        close_all(current.sessions)  # their identity maps must not serve the next test
        if current.gear == "rollback":
            kept = self._undo(keep=keep)
            self._current = None
        else:
            self._current = None
            kept = self._return_clones(current, keep=keep)
            for link in self._links.values():
                link.is_paused = False
        seen = current.journal
        return Checkin(current.gear, tuple(seen.signals), seen.statements, seen.messages, kept)

    def _undo(self, *, keep: bool) -> str:
        kept = ""
        for (key, _), link in list(self._links.items()):
            if keep and link.universe.begun and not link.is_lost:
                kept = self._keep(key, link)
                continue
            try:
                link.leave()
            except Exception:  # noqa: BLE001 - whatever broke it, the cure is the same
                link.is_lost = True
            if link.is_lost or link.journal.has(SignalKind.LEAK):
                self._replace_database(key)
        layer = self._layers[-1] if self._layers else self.journal
        for link in self._links.values():
            link.journal = layer
        return kept

    def _keep(self, key: str, link: Link) -> str:
        """Commit a failed test's outer transaction and put its database aside."""
        for logical in list(link.logicals):
            with contextlib.suppress(Exception, GearChangeError):
                logical.rollback()  # type: ignore[attr-defined]  # every logical connection has it
        with contextlib.suppress(Exception):
            link.send(["COMMIT"])
        link.universe.leave()
        db = self._databases.pop(key)
        self._drop_links(key)
        return self.kept.put(link.journal.label, db)

    def keep_only(self, test: str, dsn: str) -> None:
        """Drop what was kept of a test's other attempts: only one of them counts."""
        for db in self.kept.forget(test, but=dsn):
            self.admin.drop(db)

    def _drop_links(self, key: str) -> None:
        for pair in [pair for pair in self._links if pair[0] == key]:
            link = self._links.pop(pair)
            if any(scope.touched for scope in link.universe.scopes):
                self.layers_lost_by = link.journal.label
            with contextlib.suppress(Exception):
                link.close()

    def _replace_database(self, key: str) -> None:
        """Heal: the next connection gets a fresh copy of the template."""
        self._drop_links(key)
        db = self._databases.pop(key, None)
        if db is not None:
            with contextlib.suppress(Exception):  # else it goes with the run
                self.admin.settle()
                self.admin.drop(db)

    def _return_clones(self, current: _Current, *, keep: bool) -> str:
        kept = ""
        if is_hurt(self.server.socket_dir, self.server.port, self._real):
            self.ping()
        close_all(self._real)
        for clone in current.clones.values():
            if keep:
                kept = self.kept.put(current.journal.label, clone.db)
            else:
                self.pool.give_back(clone)
        return kept

    def reset(self) -> None:
        """Go back to the state that the test started from, in the middle of it."""
        current = self._current
        if current is None:
            return
        close_all(current.sessions)
        if current.gear == "clone":
            self._return_clones(current, keep=False)
            current.clones.clear()
            return
        for link in self._links.values():
            link.leave()
            link.enter(current.journal, label=current.journal.label)

    def own_connection(self) -> Any:
        """Return a connection to the test's database, as an app's would be."""
        self.attachment.own_connect()
        driver = "psycopg2" if "psycopg2" in self.attachment.originals else "psycopg"
        used = next((name for _, name in self._links), driver)
        return self.connect(used, {}, is_pooled=True)

    def listen(self) -> list[Query]:
        """Return a list that the statements of the test are added to, until told to stop."""
        journal = self._current.journal if self._current else self.journal
        journal.queries = []
        return journal.queries

    def stop_listening(self) -> None:
        """Add no further statements."""
        journal = self._current.journal if self._current else self.journal
        journal.queries = None

    # -- layers: what shared fixtures leave for the tests above them -----------------------

    def enter_layer(self, label: str) -> None:
        """Begin a stretch (a module, a class) whose rows last until `leave_layer`."""
        journal = Journal(label)
        self._layers.append(journal)
        for link in self._links.values():
            link.enter(journal, label=label)

    def leave_layer(self) -> None:
        """End the innermost layer and undo what was done in it."""
        self._layers.pop()
        for (key, _), link in list(self._links.items()):
            try:
                link.leave()
            except Exception:  # noqa: BLE001 - whatever broke it, the cure is the same
                self._replace_database(key)
                continue
            link.journal = self._layers[-1] if self._layers else self.journal

    @contextlib.contextmanager
    def outside(self) -> Any:
        """Step out of the test for a moment: what runs belongs to the layer below.

        Raises:
            AssayError: The test has used a database already.
        """
        current = self._current
        if current is None or current.gear == "clone":
            yield
            return
        for link in self._links.values():
            link.leave()
            link.journal = self._layers[-1] if self._layers else self.journal
        self._current = None
        try:
            yield
        finally:
            self._current = current
            for link in self._links.values():
                link.enter(current.journal, label=current.journal.label)

    @property
    def is_touched(self) -> bool:
        """Whether the test that runs has used a database."""
        return is_touched(self._links.values())

    @property
    def stands_alone(self) -> bool:
        """Whether nothing below the test that runs has used a database."""
        return stands_alone(self._links.values())

    @property
    def is_pristine(self) -> bool:
        """Whether the test that runs has not used a database yet, in its gear."""
        if self._current is not None and self._current.gear == "clone":
            return not self._current.clones
        return not self.is_touched

    @property
    def has_shared_rows(self) -> bool:
        """Whether anything below the test has used a database."""
        return has_shared_rows(self._links.values())

    def leaked(self) -> list[str]:
        """Return the keys of templates whose worker database is not pristine.

        Only meaningful outside of a test and of layers: committed rows are looked at.
        """
        self._flush()
        for link in self._links.values():
            link.sequences.suspect_all()
        return [
            key
            for key, db in self._databases.items()
            if self.admin.query(db, self.templates[key].facts.fingerprint)[0][0]
            != self.templates[key].facts.pristine
        ]

    def tidy(self) -> None:
        """Remove, now and then, the dead rows of tests that are over; for between two tests."""
        self._dead_rows.look(list(self._databases.values()), self.admin, first=self._flush)

    def ping(self) -> None:
        """Replace what a restart of the server has cut off."""
        self.admin.settle()
        self._flush(asks=True)

    def heal(self) -> None:
        """Replace every worker database."""
        for key in list(self._databases):
            self._replace_database(key)
