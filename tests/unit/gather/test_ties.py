"""Which statements are asked for rows that share their place in the order."""

import pytest

from flask_assay.gather.ties import tie_question


def test_what_is_counted_are_the_keys_of_all_rows_before_the_limit():
    asked = tie_question(
        "SELECT i.id AS i_id, i.title FROM incidents i WHERE i.state = 'it''s' "
        "ORDER BY i.date DESC NULLS LAST, i.hour LIMIT 20 OFFSET 40"
    )
    assert asked.keys == ("i.date", "i.hour")
    inner = asked.sql.partition("FROM (SELECT i.date")[2]
    assert "FROM incidents AS i WHERE i.state = 'it''s') assay_r" in inner
    assert "LIMIT" not in asked.sql
    assert "ORDER BY" not in asked.sql


def test_a_label_stands_for_its_column():
    asked = tie_question("SELECT news.day AS news_day FROM news ORDER BY news_day LIMIT 5")
    assert asked.keys == ("news.day",)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT n.id FROM news n LIMIT 5",
        "SELECT n.id FROM news n ORDER BY n.day",
        "SELECT n.id FROM news n ORDER BY lower(n.title) LIMIT 5",
        "SELECT n.id FROM news n ORDER BY 1 LIMIT 5",
        "SELECT n.id FROM news n JOIN t ON t.id = n.id ORDER BY n.day LIMIT 5",
        "SELECT DISTINCT n.day FROM news n ORDER BY n.day LIMIT 5",
        "SELECT n.day, count(*) FROM news n GROUP BY n.day ORDER BY n.day LIMIT 5",
        "SELECT a.day FROM (SELECT n.day FROM news n) a ORDER BY a.day LIMIT 5",
        "SELECT n.id FROM news n ORDER BY n.day LIMIT 5 FOR UPDATE SKIP LOCKED",
        "DELETE FROM news WHERE rate_limit = 5",
        "SELECT FROM WHERE LIMIT",
    ],
)
def test_where_nothing_can_be_said_nothing_is_asked(sql):
    assert tie_question(sql) is None
