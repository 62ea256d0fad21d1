"""A server that is killed, in part or as a whole, in the middle of a test."""

import os
import signal
import tempfile
from pathlib import Path

import psycopg
import pytest
from tests.conformance.sandbox.conftest import started_server
from tests.conformance.sandbox.harness import APP_HOST, Ours, make_template

pytestmark = pytest.mark.services

SCHEMA = "CREATE TABLE plain (id serial PRIMARY KEY, name text)"
READ = "SELECT count(*) FROM plain"


def connect():
    return psycopg.connect(host=APP_HOST, dbname="shop", user="app")


def run(connection, text):
    return connection.execute(text).fetchall()


@pytest.fixture
def crashing():
    """A sandbox on a server of its own, whose processes may be killed."""
    with tempfile.TemporaryDirectory(prefix="assay-s-") as place:
        Path(place).chmod(0o711)
        with started_server(Path(place)) as server:
            driver = "psycopg"
            found = Ours(server, make_template(server, driver, SCHEMA), driver, "rollback")
            yield found
            found.close()


def parent_of(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_a_server_that_restarts_its_processes_is_waited_for(crashing):
    crashing.sandbox.checkout("before")
    assert run(connect(), READ) == [(0,)]
    crashing.sandbox.checkin()
    crashing.sandbox.checkout("kills a server process", gear="clone")
    ((pid,),) = run(connection := connect(), "SELECT pg_backend_pid()")
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(Exception, match=r"closed|terminat"):
        run(connection, "SELECT pg_sleep(60)")
    crashing.sandbox.checkin()
    assert not crashing.sandbox.server.is_gone
    crashing.sandbox.ping()
    journal = crashing.sandbox.checkout("after")
    assert run(connect(), READ) == [(0,)]
    assert journal.signals == []
    crashing.sandbox.checkin()
    assert crashing.sandbox.leaked() == []


def test_a_server_that_is_gone_is_known_to_be(crashing):
    ((pid,),) = run(connect(), "SELECT pg_backend_pid()")
    parent = parent_of(pid)
    assert not crashing.sandbox.server.is_gone
    os.kill(parent, signal.SIGKILL)
    with pytest.raises(Exception, match=r"closed|terminat"):
        run(connect(), "SELECT pg_sleep(60)")
    assert crashing.sandbox.server.is_gone
