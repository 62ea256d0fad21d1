import pytest

from flask_assay.errors import UsageError
from flask_assay.services.external import (
    ADOPTED,
    adoption_sql,
    parse_postgres_url,
    parse_redis_url,
    refusals,
)
from flask_assay.services.ownership import Facts
from flask_assay.services.resp import Address


def facts(database="shop_test", nonces=(ADOPTED,)):
    return Facts(database, "1", is_local=False, user="u", nonces=frozenset(nonces))


def test_a_url_is_taken_apart():
    address = parse_postgres_url(
        "postgresql+psycopg2://me:p%40ss@db.example:6000/shop_test?sslmode=require"
    )
    assert (address.host, address.port, address.database) == ("db.example", 6000, "shop_test")
    assert (address.user, address.password) == ("me", "p@ss")
    assert address.variables == {"PGSSLMODE": "require"}


def test_a_socket_directory_may_stand_in_the_query():
    address = parse_postgres_url("postgresql://me@/shop_test?host=%2Frun%2Fpg&port=5433")
    assert (address.host, address.port) == ("/run/pg", 5433)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("mysql://me:hush@h/d", 'its scheme is "mysql"'),
        ("postgresql://me:hush@h", "it names no database"),
        ("postgresql://h/d", "no user"),
        ("postgresql://me:hush@h:port/d", "Port could not be cast"),
        ("postgresql://me:hush@h/d?service=production", "unknown parameters: service"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_its_password(url, reason):
    with pytest.raises(
        UsageError, match=f"ASSAY_POSTGRES_URL cannot be used: .*{reason}"
    ) as caught:
        parse_postgres_url(url)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://h", Address(host="h", port=6379)),
        ("redis://h:1/5", Address(host="h", port=1, database=5)),
        ("redis://u:p%40@h/0", Address(host="h", port=6379, username="u", password="p@")),
        ("unix:///run/r.sock?db=2", Address(path="/run/r.sock", database=2)),
    ],
)
def test_a_redis_url_is_taken_apart(url, address):
    assert parse_redis_url(url) == address


@pytest.mark.parametrize("url", ["rediss://h", "redis://h/x", "redis://h:x"])
def test_a_redis_url_that_cannot_be_used_is_refused(url):
    with pytest.raises(UsageError, match="ASSAY_REDIS_URL cannot be used"):
        parse_redis_url(url)


def test_all_three_rules_together_allow():
    assert refusals(facts(), ["shop_test"]) == []
    assert refusals(facts("shop_assay"), ["shop_assay"]) == []


@pytest.mark.parametrize(
    ("fact", "listed", "reason"),
    [
        (facts("shop"), ["shop"], "its name ends neither"),
        (facts(nonces=("0123",)), ["shop_test"], "does not hold our marker"),
        (facts(), ["shop_tes"], "is not listed"),
        (facts("test_shop"), ["test_shop"], "its name ends neither"),
    ],
)
def test_each_rule_alone_refuses(fact, listed, reason):
    (only,) = refusals(fact, listed)
    assert reason in only


def test_adoption_is_plain_sql_for_the_owner():
    assert f"'{ADOPTED}'" in adoption_sql()
    assert "\\" not in adoption_sql()
