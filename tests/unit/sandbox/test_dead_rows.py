"""When a database is looked at for dead rows, and that nothing comes of a look that fails."""

from types import SimpleNamespace

import pytest

from flask_assay.sandbox.admin import ServerAddress
from flask_assay.sandbox.dead_rows import LONGEST_S, SHORTEST_S, DeadRows

SERVER = ServerAddress("/sockets", 5432, "nonce", "1", "run")
ONE, OTHER = SERVER.database("one"), SERVER.database("other")


class Clock:
    now_s = 100.0

    def __call__(self):
        return self.now_s


class Admin:
    """Stands for a server whose tables have grown, or not; or that refuses."""

    def __init__(self, *grown, error=None):
        self.grown, self.error = grown, error
        self.connected, self.sent, self.closed = [], [], 0

    def connect(self, name):
        self.connected.append(name)
        if self.error is not None:
            raise self.error
        return self

    def close(self):
        self.closed += 1

    def cursor(self):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def execute(self, text):
        self.sent.append(text)

    def fetchall(self):
        return [(name,) for name in self.grown]


@pytest.fixture
def clock():
    return Clock()


def looks_at(rows, clock, admin, until_s):
    """Seconds at which a database is looked at, if tests use it all the time."""
    found, start_s = [], clock.now_s
    while clock.now_s <= start_s + until_s:
        before = len(admin.connected)
        rows.look([ONE], admin, first=lambda: None)
        if len(admin.connected) > before:
            found.append(clock.now_s - start_s)
        clock.now_s += 0.25
    return found


def test_a_session_shorter_than_the_pause_is_never_looked_at(clock):
    assert looks_at(DeadRows(clock), clock, Admin(), SHORTEST_S / 2) == []


def test_where_nothing_is_found_looks_become_rare(clock):
    assert looks_at(DeadRows(clock), clock, Admin(), 40) == [1, 3, 7, 15, 23, 31, 39]
    assert LONGEST_S == 8


def test_where_something_is_found_the_next_look_is_soon(clock):
    rows, admin = DeadRows(clock), Admin("a", "b")
    assert looks_at(rows, clock, admin, 4) == [1, 2, 3, 4]
    assert admin.sent[-1].endswith(" a, b")
    assert admin.closed == len(admin.connected)


def test_nothing_is_vacuumed_where_nothing_has_grown(clock):
    rows, admin = DeadRows(clock), Admin()
    assert looks_at(rows, clock, admin, 4)
    assert not any("VACUUM" in text for text in admin.sent)


def test_transactions_are_ended_first_and_only_if_a_turn_has_come(clock):
    rows, admin, order = DeadRows(clock), Admin(), []
    databases = [ONE, OTHER]
    for _ in range(2):
        rows.look(databases, admin, first=lambda: order.append(list(admin.connected)))
        clock.now_s += SHORTEST_S
    assert order == [[]]
    assert admin.connected == ["one", "other"]


@pytest.mark.parametrize("error", [RuntimeError("too many connections"), OSError()])
def test_a_look_that_fails_is_nobodys_failure_and_is_not_tried_at_once(clock, error):
    rows, admin = DeadRows(clock), Admin(error=error)
    assert looks_at(rows, clock, admin, 8) == [1, 3, 7]


def test_a_vacuum_that_fails_is_nobodys_failure(clock):
    def execute(text):
        raise RuntimeError(text)

    admin = Admin("a")
    admin.execute = execute
    DeadRows(clock).remove("one", admin)
    assert looks_at(DeadRows(clock), clock, admin, 8) == [1, 3, 7]
    assert admin.closed == 3


def test_a_user_who_interrupts_is_heard(clock):
    rows = DeadRows(clock)
    connection = SimpleNamespace(cursor=lambda: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        rows.remove("one", connection)
