"""EXPLAIN on a real server: it executes, and leaves nothing behind."""

import functools

from flask_assay.gather.plans import explain


def test_statements_are_explained_in_one_session_and_change_nothing(shared):
    database = shared.create_database("explained")
    try:
        ask = functools.partial(shared.sql, database)
        ask("CREATE TABLE t (id int PRIMARY KEY, word text);\nINSERT INTO t VALUES (1, 'a\\b')")
        found = explain(
            [ask],
            {
                "SELECT": ["SELECT * FROM t WHERE word = 'a\\b'", "SELECT * FROM t;"],
                "INSERT": ["INSERT INTO t VALUES (2, 'it''s\n\\q')"],
                "DELETE": ["DELETE FROM t"],
                "TWICE": ["INSERT INTO t VALUES (1, 'a')"],
                "BROKEN": ["SELECT * FROM t WHERE"],
                "GONE": ["SELECT * FROM gone"],
            },
        )
        told = {plan["statement"]: plan for plan in found["plans"]}
        assert set(told) == {"SELECT", "INSERT", "DELETE"}
        assert found["unexplained_count"] == 3
        assert told["SELECT"]["n"] == 2
        assert told["DELETE"]["tree"]["Operation"] == "Delete"
        assert told["DELETE"]["execution_s"] > 0
        assert ask("SELECT count(*) FROM t") == [("1",)]
    finally:
        shared.drop_database(database)
