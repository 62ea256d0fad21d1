"""What belongs to a logical connection's session."""

import pytest

from flask_assay.sandbox.logical import Session, reset_command


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SET default_transaction_read_only TO 'on'", True),
        ("set default_transaction_read_only = true;", True),
        ("SET default_transaction_read_only TO 1", True),
        ("SET default_transaction_read_only TO 'off'", False),
        ("SET default_transaction_read_only TO DEFAULT", False),
    ],
)
def test_a_session_knows_whether_its_transactions_are_read_only(text, expected):
    assert Session(current={"default_transaction_read_only": text}).is_read_only is expected


def test_a_session_writes_by_default():
    assert not Session(current={"search_path": "SET search_path TO on"}).is_read_only


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SET default_transaction_isolation = 'serializable'", "SERIALIZABLE"),
        ("SET default_transaction_isolation TO 'repeatable  read';", "REPEATABLE READ"),
        ("SET default_transaction_isolation TO 'read committed'", ""),
        ("SET default_transaction_isolation TO DEFAULT", ""),
    ],
)
def test_a_session_knows_the_isolation_of_its_transactions(text, expected):
    assert Session(current={"default_transaction_isolation": text}).isolation == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("search_path", 'RESET "search_path"'),
        ("app.user", 'RESET "app"."user"'),
        ("session authorization", "RESET session authorization"),
    ],
)
def test_a_setting_named_by_a_reserved_word_can_be_reset(name, expected):
    assert reset_command(name) == expected


def test_a_rollback_to_a_savepoint_undoes_what_was_set_since():
    session = Session()
    session.local["work_mem"] = "SET LOCAL work_mem = '5MB'"
    session.savepoint("a")
    session.pending["lock_timeout"] = "SET lock_timeout = '1s'"
    session.savepoint("b")
    session.local["work_mem"] = "SET LOCAL work_mem = '9MB'"
    assert session.rolled_back_to("b")
    assert session.local == {"work_mem": "SET LOCAL work_mem = '5MB'"}
    assert session.pending == {"lock_timeout": "SET lock_timeout = '1s'"}
    session.released("b")
    assert not session.rolled_back_to("b")
    assert session.rolled_back_to("a")
    assert (session.pending, len(session.local)) == ({}, 1)


def test_of_two_savepoints_of_one_name_the_last_one_counts():
    session = Session()
    session.savepoint("a")
    session.local["work_mem"] = "SET LOCAL work_mem = '5MB'"
    session.savepoint("a")
    session.local.clear()
    assert session.rolled_back_to("a")
    assert session.rolled_back_to("a")  # it stays
    assert list(session.local) == ["work_mem"]
