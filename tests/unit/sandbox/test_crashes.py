"""Whether a server has yet to notice that one of its processes is dead."""

from types import SimpleNamespace

import pytest

from flask_assay.sandbox import crashes
from flask_assay.sandbox.crashes import is_hurt, wait_until_noticed

PORT, SERVER = 5432, "77"


@pytest.fixture
def proc(tmp_path, monkeypatch):
    """A kernel that knows one server, and its socket's directory."""
    monkeypatch.setattr(crashes, "_PROC", tmp_path)
    (tmp_path / f".s.PGSQL.{PORT}.lock").write_text(f"{SERVER}\n/data\n")
    (tmp_path / SERVER / "task" / SERVER).mkdir(parents=True)
    return tmp_path


def has_children(proc, **children):
    (proc / SERVER / "task" / SERVER / "children").write_text(" ".join(children) + " ")
    for name, words in children.items():
        (proc / name).mkdir(exist_ok=True)
        (proc / name / "cmdline").write_text(words)


def test_a_dead_process_is_known_by_having_no_words_left(proc):
    has_children(proc, p78="postgres: checkpointer", p79="postgres: app shop")
    assert not is_hurt(str(proc), PORT)
    has_children(proc, p78="postgres: checkpointer", p79="")
    assert is_hurt(str(proc), PORT)


def test_a_process_that_was_just_taken_note_of_is_no_longer_waited_for(proc):
    has_children(proc, p78="postgres: checkpointer")
    (proc / SERVER / "task" / SERVER / "children").write_text("p78 p79 ")
    assert not is_hurt(str(proc), PORT)


@pytest.mark.parametrize("missing", [f".s.PGSQL.{PORT}.lock", f"{SERVER}/task/{SERVER}/children"])
def test_where_nothing_is_told_nothing_is_waited_for(proc, missing):
    has_children(proc, p78="")
    (proc / missing).unlink()
    assert not is_hurt(str(proc), PORT)
    wait_until_noticed(str(proc), PORT)


@pytest.mark.parametrize(
    ("connection", "hurt"),
    [
        (SimpleNamespace(closed=True, broken=True), True),  # psycopg, ended by the server
        (SimpleNamespace(closed=True, broken=False), False),  # closed by the app
        (SimpleNamespace(closed=2), True),  # psycopg2
        (SimpleNamespace(closed=1), False),
        (SimpleNamespace(closed=0), False),
    ],
)
def test_a_connection_that_the_server_ended_is_a_sign(proc, connection, hurt):
    has_children(proc, p78="postgres: checkpointer")
    assert is_hurt(str(proc), PORT, [connection]) is hurt


def test_waiting_ends_when_the_server_has_looked(proc, monkeypatch):
    has_children(proc, p78="")
    asked = []

    def look(condition, **_):
        asked.append(condition())
        has_children(proc, p78="postgres: checkpointer")
        asked.append(condition())

    monkeypatch.setattr(crashes, "wait_until", look)
    wait_until_noticed(str(proc), PORT)
    assert asked == [False, True]
