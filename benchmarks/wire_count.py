"""A pytest plugin that counts what goes over the wire to PostgreSQL, test by test.

    WIRE_COUNT=counts.json pytest -p wire_count

Every connection of the process is led through a relay in a thread, which counts the server's
ReadyForQuery messages: one for each time that a client had to wait. It stands below whatever else
wraps the drivers and knows nothing of it, so it needs the standard library and pytest only.
Transactions and statements are what SQLAlchemy's engines say they are; what an engine asks of a new
connection before it hands it out ("set up") belongs to none of them.

Timing is meaningless while this is loaded.
"""

import importlib
import json
import os
import selectors
import socket
import sys
import tempfile
import threading
from collections import Counter, defaultdict
from pathlib import Path

import pytest

READY = ord("Z")
OWN = ("flask_assay.sandbox.admin", "flask_assay.sandbox.clones", "flask_assay.sandbox.template")


class Relay:
    """Carries bytes between clients and servers, and counts while it does."""

    def __init__(self):
        self.current = ""
        self.is_setting_up = False
        self.counts = defaultdict(Counter)
        self._directory = Path(tempfile.mkdtemp(prefix="wire-"))
        self._doors = {}
        self._selector = selectors.DefaultSelector()
        self._wake, wake = socket.socketpair()
        self._selector.register(wake, selectors.EVENT_READ, lambda: wake.recv(64))
        self._new = []
        threading.Thread(target=self._run, daemon=True, name="wire-count").start()

    def door(self, host, port, label):
        """Return a host that leads to another, and counts for `label`."""
        key = (host, port, label)
        if key not in self._doors:
            place = self._directory / str(len(self._doors))
            place.mkdir()
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(str(place / f".s.PGSQL.{port}"))
            listener.listen(64)
            self._doors[key] = str(place)
            self._new.append((listener, key))
            self._wake.send(b"x")
        return self._doors[key]

    def _run(self):
        while True:
            for listener, key in self._new[:]:
                self._new.remove((listener, key))
                self._selector.register(
                    listener,
                    selectors.EVENT_READ,
                    lambda one=listener, key=key: self._accept(one, key),
                )
            for key, _ in self._selector.select():
                key.data()

    def _accept(self, listener, key):
        host, port, label = key
        client, _ = listener.accept()
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{host}/.s.PGSQL.{port}")
        pair = Pair(self, client, server, label)
        self._selector.register(client, selectors.EVENT_READ, pair.from_client)
        self._selector.register(server, selectors.EVENT_READ, pair.from_server)

    def forget(self, *ends):
        for end in ends:
            if end.fileno() >= 0:  # both ends may have closed in one turn
                self._selector.unregister(end)
                end.close()


class Pair:
    """One client's connection."""

    def __init__(self, relay, client, server, label):
        self._relay, self._client, self._server, self._label = relay, client, server, label
        self._rest = b""
        self._is_ready = False

    def from_client(self):
        self._carry(self._client, self._server)

    def from_server(self):
        self._carry(self._server, self._client, self._count)

    def _carry(self, source, sink, look=None):
        if source.fileno() < 0:
            return
        try:
            data = source.recv(65536)
            if data and look:
                look(data)
            if data:
                sink.sendall(data)
                return
        except OSError:
            pass
        self._relay.forget(self._client, self._server)

    def _count(self, data):
        self._rest += data
        while True:
            if self._rest[:1] in (b"N", b"S") and not self._is_ready and len(self._rest) == 1:
                self._rest = b""  # the answer to a request for encryption is a single byte
            if len(self._rest) < 5:
                return
            size = 1 + int.from_bytes(self._rest[1:5])
            if len(self._rest) < size:
                return
            if self._rest[0] == READY:
                self._relay.counts[self._relay.current][self._kind()] += 1
                self._is_ready = True
            self._rest = self._rest[size:]

    def _kind(self):
        if not self._is_ready:
            return f"{self._label} connected"
        return f"{self._label} set up" if self._relay.is_setting_up else self._label


relay = Relay()


def led(parameters):
    """Return connection parameters that lead through the relay."""
    host = str(parameters.get("host") or os.environ.get("PGHOST", ""))
    port = parameters.get("port") or os.environ.get("PGPORT", "5432")
    if not host.startswith("/"):
        return {}
    frame, label = sys._getframe(2), "app"
    while frame is not None:
        if frame.f_globals.get("__name__") in OWN:
            label = "own"
        frame = frame.f_back
    return {"host": relay.door(host, port, label), "port": port}


def wrap_psycopg2():
    psycopg2 = importlib.import_module("psycopg2")
    original = psycopg2.connect

    def connect(dsn=None, connection_factory=None, cursor_factory=None, **named):
        known = {**(psycopg2.extensions.parse_dsn(dsn) if dsn else {}), **named}
        return original(dsn, connection_factory, cursor_factory, **{**named, **led(known)})

    psycopg2.connect = connect


def wrap_psycopg():
    psycopg = importlib.import_module("psycopg")
    original = psycopg.Connection.connect.__func__

    def connect(cls, conninfo="", **named):
        parse = psycopg.conninfo.conninfo_to_dict
        known = {**(parse(conninfo) if conninfo else {}), **named}
        return original(cls, conninfo, **{**named, **led(known)})

    psycopg.Connection.connect = classmethod(connect)
    psycopg.connect = psycopg.Connection.connect


def watch_engines():
    from sqlalchemy import event
    from sqlalchemy.engine import Engine
    from sqlalchemy.pool import Pool

    def note(name):
        relay.counts[relay.current][name] += 1

    def setting_up(value):
        relay.is_setting_up = value

    event.listen(Engine, "do_connect", lambda *_: setting_up(True))
    event.listen(Pool, "checkout", lambda *_: setting_up(False))
    event.listen(Engine, "begin", lambda _: note("transactions"))
    event.listen(Engine, "commit", lambda _: note("commits"))
    event.listen(Engine, "rollback", lambda _: note("rollbacks"))
    event.listen(Engine, "before_cursor_execute", lambda *_: note("statements"))


for wrapper in (wrap_psycopg2, wrap_psycopg, watch_engines):
    try:
        wrapper()
    except ImportError:
        continue


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_logstart(nodeid):
    relay.current = nodeid


@pytest.hookimpl(trylast=True)
def pytest_runtest_logfinish():
    relay.current = ""


@pytest.hookimpl(trylast=True)
def pytest_unconfigure():
    Path(os.environ["WIRE_COUNT"]).write_text(json.dumps(relay.counts, indent=1, sort_keys=True))
