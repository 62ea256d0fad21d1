"""Connections that end in the middle of a test: who pays for it, and who must not."""

import importlib
import signal
from dataclasses import replace

import pytest
from tests.conformance.sandbox.harness import APP_HOST, Ours, make_template

from flask_assay.sandbox.signals import IsolationLeakError, SignalKind

pytestmark = pytest.mark.services

SCHEMA = "CREATE TABLE plain (id serial PRIMARY KEY, name text)"
INSERT = "INSERT INTO plain (name) VALUES ('x')"
READ = "SELECT count(*) FROM plain"
LIMIT_S = 0.3


class StoppedError(BaseException):
    """As pytest-timeout's failure: no ``Exception``, raised by a signal."""


@pytest.fixture(scope="module", params=["psycopg2", "psycopg"])
def of_module(request, server):
    template = make_template(server, request.param, SCHEMA)
    limited = replace(server, lock_wait_s=LIMIT_S)
    found = Ours(limited, template, request.param, "rollback")
    yield found
    assert found.sandbox.leaked() == []
    found.close()


@pytest.fixture
def ours(of_module):
    yield of_module
    of_module.sandbox.checkin()


def connect(ours):
    return importlib.import_module(ours.driver).connect(host=APP_HOST, dbname="shop", user="app")


def run(connection, text):
    cursor = connection.cursor()
    cursor.execute(text)
    return cursor.fetchall() if cursor.description else None


def a_clean_test(ours):
    """Return what a test sees that begins now; it writes a row, too."""
    ours.sandbox.checkout("after")
    connection = connect(ours)
    rows = run(connection, READ)
    run(connection, INSERT)
    connection.commit()
    assert ours.sandbox.checkin().signals == ()
    return rows


@pytest.fixture
def stopped_soon():
    """Stop whatever the main thread does, as pytest-timeout's signal method does."""

    def stop(_number, _frame):
        raise StoppedError

    previous = signal.signal(signal.SIGALRM, stop)
    yield lambda: signal.setitimer(signal.ITIMER_REAL, 0.5)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, previous)


def sleep(ours, connection, stopped_soon):
    stopped_soon()
    # psycopg2 answers a signal when the statement has ended.
    run(connection, f"SELECT pg_sleep({1 if ours.driver == 'psycopg2' else 60})")


def test_a_statement_that_is_stopped_is_no_leak(ours, stopped_soon):
    journal = ours.sandbox.checkout("stopped")
    connection = connect(ours)
    run(connection, INSERT)
    with pytest.raises(StoppedError):
        sleep(ours, connection, stopped_soon)
    if ours.driver == "psycopg":  # its answer to the next statement would be the last one's
        with pytest.raises(IsolationLeakError, match="stopped in the middle of SELECT pg_sleep"):
            run(connection, READ)
    connection.close()
    ours.sandbox.checkin()
    assert journal.signals == []
    assert a_clean_test(ours) == [(0,)]


def test_a_connection_that_is_ended_takes_shared_rows_with_it_and_says_so(ours):
    sandbox = ours.sandbox
    sandbox.enter_layer("module")
    run(shared := connect(ours), INSERT)
    shared.commit()
    journal = sandbox.checkout("ends its connection")
    connection = connect(ours)
    assert run(connection, READ) == [(1,)]
    with pytest.raises(Exception, match=r"terminat|closed"):
        run(connection, "SELECT pg_terminate_backend(pg_backend_pid())")
    sandbox.checkin()
    assert journal.has(SignalKind.HARD)
    assert sandbox.layers_lost_by == "ends its connection"
    sandbox.leave_layer()
    sandbox.layers_lost_by = ""
    assert a_clean_test(ours) == [(0,)]


def test_a_connection_that_is_ended_takes_nothing_else_with_it(ours):
    ours.sandbox.checkout("ends its connection")
    with pytest.raises(Exception, match=r"terminat|closed"):
        run(connect(ours), "SELECT pg_terminate_backend(pg_backend_pid())")
    ours.sandbox.checkin()
    assert ours.sandbox.layers_lost_by == ""
    assert a_clean_test(ours) == [(0,)]


def test_a_database_that_is_kept_takes_shared_rows_with_it(ours):
    sandbox = ours.sandbox
    sandbox.enter_layer("module")
    run(shared := connect(ours), INSERT)
    shared.commit()
    sandbox.checkout("fails")
    run(connection := connect(ours), INSERT)
    connection.commit()
    kept = sandbox.checkin(keep=True).kept
    assert sandbox.layers_lost_by == "fails"
    assert sandbox.admin.query(sandbox.kept[0].db, READ) == [(2,)]
    sandbox.keep_only("fails", kept)
    assert len(sandbox.kept) == 1
    sandbox.keep_only("fails", "")
    assert sandbox.kept == []
    sandbox.leave_layer()
    sandbox.layers_lost_by = ""
    assert a_clean_test(ours) == [(0,)]


@pytest.mark.parametrize("gear", ["rollback", "clone"])
def test_a_lock_is_not_waited_for_for_ever(ours, gear):
    sandbox = ours.sandbox
    sandbox.checkout("waits", gear=gear)
    run(connection := connect(ours), READ)
    connection.commit()
    outside = original_connect_of(ours)(**sandbox.place({}).parameters())
    same_key = "INSERT INTO plain (id) VALUES (77)"
    run(outside, same_key)
    with pytest.raises(Exception, match="lock timeout"):
        run(connection, same_key)
    outside.close()
    connection.rollback()
    assert run(connection, READ) == [(0,)]
    sandbox.checkin()
    assert a_clean_test(ours) == [(0,)]


def test_an_app_that_sets_its_own_limit_keeps_it(ours):
    for gear in ("rollback", "clone"):
        ours.sandbox.checkout("sets its own", gear=gear)
        module = importlib.import_module(ours.driver)
        connection = module.connect(
            host=APP_HOST, dbname="shop", user="app", options="-c lock_timeout=1234"
        )
        assert run(connection, "SHOW lock_timeout") == [("1234ms",)]
        ours.sandbox.checkin()


def original_connect_of(ours):
    return ours.sandbox.attachment.originals[ours.driver]
