"""Hooks that run at commit."""

import pytest
from tests.sandboxed import shop


@pytest.fixture(autouse=True)
def fresh():
    shop.told.clear()


def test_hooks_are_named_and_run(client, assay_on_commit):
    client.post("/items/a")
    assert assay_on_commit.names == [
        "tests.sandboxed.shop.count",
        "tests.sandboxed.shop.create_app.<locals>.announce.<locals>.<lambda>",
    ]
    assert shop.told == ["counted", "a"]


def test_hooks_are_held_back(client, assay_on_commit):
    with assay_on_commit.held():
        client.post("/items/a")
    assert shop.told == []
    client.post("/items/b")
    assert shop.told == ["counted", "b"]
    for hook in assay_on_commit[:2]:
        hook.run()
    assert shop.told == ["counted", "b", "counted", "a"]


def test_a_rollback_sets_nothing_off(db, assay_on_commit):
    db.session.add(shop.Item(name="gone"))
    db.session.flush()
    db.session.rollback()
    assert assay_on_commit == []


def test_without_the_fixture_nothing_changes(client):
    client.post("/items/a")
    assert shop.told == ["counted", "a"]
