"""What a text of SQL asks for, by its text alone."""

import pytest

from flask_assay.sandbox.statements import Kind, classify, shape


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        ("SET TIME ZONE 'UTC'", Kind.SET, "timezone"),
        ("SET LOCAL TIME ZONE 'UTC'", Kind.SET_LOCAL, "timezone"),
        ("RESET TIME ZONE", Kind.SET, "timezone"),
        ("SET SCHEMA 'tenant'", Kind.SET, "search_path"),
        ("SET NAMES 'utf8'", Kind.SET, "client_encoding"),
        ("SET ROLE 'reader'", Kind.SET, "role"),
        ("SET SESSION ROLE reader", Kind.SET, "role"),
        ("SET SESSION AUTHORIZATION DEFAULT", Kind.SET, "session authorization"),
        ("RESET SESSION AUTHORIZATION", Kind.SET, "session authorization"),
        ("set search_path to a, b", Kind.SET, "search_path"),
        ("SET x.y = '1'", Kind.SET, "x.y"),
    ],
)
def test_a_setting_has_the_name_that_resets_it(text, kind, name):
    found = classify(text)
    assert (found.kind, found.name) == (kind, name)


@pytest.mark.parametrize(
    "text",
    [
        "SET TRANSACTION READ ONLY",
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
        "SET transaction_read_only = on",
        "SET LOCAL transaction_isolation TO 'serializable'",
    ],
)
def test_what_cannot_be_reset_belongs_to_the_transaction(text):
    assert classify(text).kind is Kind.SET_TRANSACTION


def test_a_text_of_several_settings_names_them_all():
    found = classify("SET statement_timeout = 0; SET search_path = 'a;b'")
    assert (found.name, found.also) == ("statement_timeout", ("search_path",))
    assert classify("SET search_path = a; INSERT INTO t VALUES (1)").also == ()


@pytest.mark.parametrize(
    "text",
    [
        "DO $a1$ BEGIN PERFORM 1; COMMIT; END $a1$",
        "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $f_1$ BEGIN RETURN 1; END; $f_1$",
        'SELECT 1 AS "it\'s; commit; too"',
        "INSERT INTO \"Items\" VALUES ('a\"b', 'c\"d; commit')",
        "SELECT 1 -- ; commit",
    ],
)
def test_what_is_quoted_ends_no_transaction(text):
    assert classify(text).kind is not Kind.END


@pytest.mark.parametrize(
    "text",
    [
        'SELECT 1 AS "it\'s"; COMMIT',
        "SELECT $1; COMMIT",
        "SELECT '$a$'; COMMIT; SELECT '$a$'",
        "SELECT $$;$$; COMMIT",
    ],
)
def test_what_is_not_quoted_does(text):
    assert classify(text).kind is Kind.END


def test_quoted_names_are_words_and_stay_in_messages():
    assert "items" in classify('SELECT * FROM "Items"').words
    assert shape("SELECT * FROM \"It's\" WHERE a = 'x'") == 'SELECT * FROM "It\'s" WHERE a = ?'


@pytest.mark.parametrize(
    "text",
    [
        "SELECT lo_from_bytea(0, 'x')",
        "SELECT lo_put(1, 0, 'x')",
        "SELECT lowrite(0, 'x')",
        "SELECT dblink_exec('d', 'x')",
    ],
)
def test_a_query_that_calls_what_writes_is_a_write(text):
    assert classify(text).is_write


def test_preparing_is_told_from_the_first_phase_of_a_commit():
    assert classify("PREPARE TRANSACTION 'x'").kind is Kind.PREPARE_TRANSACTION
    assert classify("PREPARE q AS SELECT transaction FROM t").kind is Kind.WRITE
