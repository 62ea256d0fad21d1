"""What a rollback could not show, by the text of one statement."""

import pytest

from flask_assay.sandbox.statements import classify
from flask_assay.sandbox.unfaithful import functions_made, unfaithful


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("BEGIN", "literal-begin"),
        ("LISTEN jobs", "listen"),
        ("PREPARE TRANSACTION 'x'", "two-phase"),
        ("RESET ALL", "reset"),
        ("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "isolation"),
        ("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", "isolation"),
        ("SET transaction_isolation = 'serializable'", "isolation"),
        ("CREATE TEMP TABLE t (id int) ON COMMIT DROP", "on-commit"),
        ("SELECT pg_export_snapshot()", "snapshot"),
    ],
)
def test_a_statement_is_left_to_a_clone(text, reason):
    found = unfaithful(classify(text))
    assert found is not None
    assert found[0] == reason


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1",
        "SET TRANSACTION READ ONLY",
        "SET search_path = a",
        "RESET search_path",
        "CREATE TEMP TABLE t (id int)",
        "DELETE FROM orders",
    ],
)
def test_other_statements_stay(text):
    assert unfaithful(classify(text)) is None


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("CREATE FUNCTION Add_Row(n int) RETURNS int LANGUAGE sql AS 'SELECT 1'", {"add_row"}),
        ('CREATE OR REPLACE PROCEDURE shop."Close"() LANGUAGE sql AS $$$$', {"close"}),
        ("CREATE TABLE function_log (id int)", set()),
    ],
)
def test_the_functions_that_a_statement_makes_are_known(text, names):
    assert functions_made(classify(text)) == names
