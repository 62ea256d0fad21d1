"""Clones in stock: private copies of a template, made while the tests are busy."""

import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import Any

from flask_assay.model.owned import OwnedDatabase
from flask_assay.sandbox.admin import Admin, ServerAddress
from flask_assay.sandbox.dead_rows import DeadRows
from flask_assay.sandbox.facts import Facts

__all__ = ["Clone", "ClonePool"]

STOCK = 2
"""Clones kept ahead of the tests, per template."""


@dataclass(frozen=True, slots=True)
class Clone:
    """A private copy of a template."""

    db: OwnedDatabase
    template: OwnedDatabase
    facts: Facts


class ClonePool:
    """Takes clones out of stock and puts them back as new; starts on first use.

    Args:
        server: The run's server.
        connect: The driver's own connect function.
        worker: For names.
    """

    def __init__(self, server: ServerAddress, connect: Callable[..., Any], worker: str) -> None:
        self._server, self._connect, self._worker = server, connect, worker
        self._admin = Admin(server, connect)
        self._numbers = count(1)
        self._stock: dict[str, queue.SimpleQueue[Clone]] = {}
        self._orders: queue.SimpleQueue[tuple[str, Any] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._made: set[str] = set()
        self._is_closing = False
        self._dead_rows = DeadRows()
        self.error: Exception | None = None

    def take(self, template: OwnedDatabase, facts: Facts) -> Clone:
        """Return a pristine clone: out of stock if there is one, else made now."""
        self._start()
        stock = self._stock.setdefault(template.name, queue.SimpleQueue())
        try:
            clone = stock.get_nowait()
        except queue.Empty:
            clone = self._make(self._admin, template, facts)
        while stock.qsize() + self._orders.qsize() < STOCK:
            self._orders.put(("make", (template, facts)))
        return clone

    def give_back(self, clone: Clone) -> None:
        """Return a used clone; it is reset, or dropped, behind the scenes."""
        self._start()
        self._orders.put(("reset", clone))

    def _make(self, admin: Admin, template: OwnedDatabase, facts: Facts) -> Clone:
        name = f"assay_{self._server.run_id}_{self._worker}_c{next(self._numbers)}"
        self._made.add(name)
        return Clone(admin.clone(template, name), template, facts)

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="assay-clones", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        admin = Admin(self._server, self._connect)
        try:
            while not self._is_closing:
                order = self._orders.get()
                if order is None:
                    return
                self._follow(admin, *order)
        finally:
            admin.close()

    def _follow(self, admin: Admin, verb: str, what: Any) -> None:
        try:
            if verb == "make":
                template, facts = what
                stock = self._stock[template.name]
                if stock.qsize() < STOCK:
                    stock.put(self._make(admin, template, facts))
            elif self._is_reset(admin, what):
                self._stock[what.template.name].put(what)
            else:
                admin.drop(what.db)
        except Exception as error:  # noqa: BLE001 - a clone less is no reason to fail a test
            self.error = error

    def _is_reset(self, admin: Admin, clone: Clone) -> bool:
        """Bring a clone back; False if only a new copy would do."""
        if self._stock[clone.template.name].qsize() >= STOCK:
            return False
        connection = admin.connect(clone.db.name)
        try:
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
                cursor.execute(clone.facts.seeded_fingerprint)
                if cursor.fetchone()[0] != clone.facts.seeded_pristine:
                    return False
                cursor.execute(clone.facts.reset)
            if self._dead_rows.claim(clone.db.name):
                self._dead_rows.remove(clone.db.name, connection)
            return True
        finally:
            connection.close()

    def close(self, *, drop: bool = True) -> None:
        """Stop, and drop every clone that is left. Idempotent.

        Args:
            drop: False if the server ends with us.
        """
        self._is_closing = True
        if self._thread is not None:
            self._orders.put(None)
            self._thread.join(10)
            self._thread = None
        for name in sorted(self._made) if drop else ():
            with suppress(Exception):
                self._admin.drop(self._server.database(name))
        self._made.clear()
        self._admin.close()
