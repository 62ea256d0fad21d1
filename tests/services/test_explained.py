"""What a real server tells: plans that leave nothing behind, and rows to ask a route for."""

import functools

from flask_assay.gather.catalog import Catalog
from flask_assay.gather.plans import explain
from flask_assay.gather.real_rows import own_rows, sample_rows
from flask_assay.gather.ties import count_ties


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


def test_among_the_first_rows_are_those_that_most_others_refer_to(shared):
    database = shared.create_database("busy")
    try:
        ask = functools.partial(shared.sql, database)
        ask(
            "CREATE TABLE person (id int PRIMARY KEY, name text);"
            "CREATE TABLE note (id int PRIMARY KEY, n int, person_id int REFERENCES person);"
            "CREATE TABLE visit (person_id bigint REFERENCES person, k int PRIMARY KEY);"
            "INSERT INTO person SELECT k, 'p' || k FROM generate_series(1, 500) k;"
            "INSERT INTO note SELECT k, k, 7 FROM generate_series(1, 3) k;"
            "INSERT INTO note SELECT k + 10, k, 9 FROM generate_series(1, 2) k;"
            "INSERT INTO visit SELECT 9, k FROM generate_series(1, 900) k;"
            "INSERT INTO visit SELECT 11, 1000 + k FROM generate_series(1, 90) k; ANALYZE"
        )
        name = ask("SELECT current_database()")[0][0]
        catalog = Catalog({name: ask}, functools.partial(shared.sql, None))
        found = sample_rows({name: ask}, catalog.tables()["tables"])
        first, spread = found["person"]["id"][:6:2], found["person"]["id"][1:6:2]
        assert first == [9, 7, 11]
        assert spread == [10, 20, 30]
        assert found["person"]["name"][0] == "p9"
        assert len(found["person"]["id"]) == 50
        assert len(set(found["person"]["id"])) == 50
        assert found["visit"]["k"] == sorted(found["visit"]["k"])
    finally:
        shared.drop_database(database)


def test_rows_with_equal_keys_are_counted_among_those_that_the_statement_chooses_from(shared):
    database = shared.create_database("ties")
    try:
        ask = functools.partial(shared.sql, database)
        ask(
            "CREATE TABLE n (id int PRIMARY KEY, day date, word text, j json);"
            "INSERT INTO n SELECT k, date '2024-01-01' + k / 2, 'a', '{}' "
            "FROM generate_series(1, 9) k"
        )
        found = count_ties(
            [ask, ask],
            {
                "DAY": ["SELECT * FROM n WHERE id > 9 ORDER BY day LIMIT 2",
                        "SELECT id FROM n WHERE id <= 5 ORDER BY day LIMIT 2"],
                "ID": ["SELECT * FROM n ORDER BY word, id LIMIT 2"],
                "JSON": ["SELECT * FROM n ORDER BY j LIMIT 2"],
                "GONE": ["SELECT * FROM gone ORDER BY id LIMIT 2"],
            },
        )  # fmt: skip
        assert found["ties"] == [
            {"statement": "DAY", "keys": ["day"], "types": ["date"],
             "row_count": 5, "tied_count": 4},
            {"statement": "ID", "keys": ["word", "id"], "types": ["text", "integer"],
             "row_count": 9, "tied_count": 0},
        ]  # fmt: skip
    finally:
        shared.drop_database(database)


def test_a_users_own_rows_are_found_by_foreign_keys_by_names_and_by_the_users_key(shared):
    database = shared.create_database("own")
    try:
        ask = functools.partial(shared.sql, database)
        ask(
            "CREATE TABLE shop_users (id int PRIMARY KEY, name text);"
            "CREATE TABLE bill (token text PRIMARY KEY, payer int REFERENCES shop_users);"
            "CREATE TABLE parcel (id int PRIMARY KEY, user_id bigint);"
            "CREATE TABLE note (id int PRIMARY KEY, writer int);"
            "INSERT INTO shop_users SELECT k, 'u' || k FROM generate_series(1, 60) k;"
            "INSERT INTO bill SELECT 'b' || k, k % 60 + 1 FROM generate_series(1, 6000) k;"
            "INSERT INTO parcel SELECT k, k % 60 + 1 FROM generate_series(1, 120) k;"
            "INSERT INTO note SELECT k, 7 FROM generate_series(1, 9) k; ANALYZE"
        )
        name = ask("SELECT current_database()")[0][0]
        catalog = Catalog({name: ask}, functools.partial(shared.sql, None))
        users = [[["shop_users", "id", key], ["shop_role", "id", "1"]] for key in ("7", "9", "x")]
        seventh, ninth, nobody = own_rows({name: ask}, catalog.tables()["tables"], users)
        assert seventh["shop_users"] == {"id": [7], "name": ["u7"]}
        assert sorted(ninth["parcel"]["id"]) == [8, 68]
        assert set(seventh["bill"]["payer"]) == {7}
        assert len(set(seventh["bill"]["token"])) == 8
        assert {"note"}.isdisjoint(seventh)
        assert nobody == {}
    finally:
        shared.drop_database(database)
