"""What is doubted when several connections are one to the server."""

from types import SimpleNamespace

import pytest

from flask_assay.sandbox.doubts import Doubts
from flask_assay.sandbox.place import TemplateFacts
from flask_assay.sandbox.signals import Journal, Signal, SignalKind
from flask_assay.sandbox.statements import classify


class Link:
    """Tells doubts what is open, and hears them."""

    def __init__(self):
        self.facts = TemplateFacts(
            tables=frozenset({"item", "log"}), views=frozenset({"shown"}), functions=frozenset()
        )
        self.universe = SimpleNamespace(open={})
        self.journal = Journal()
        self.doubts = Doubts(self)

    def note(self, kind, reason, text, statement):
        self.journal.note(Signal(kind, reason, text))

    def send(self, ident, text):
        """Send a statement as a connection; its transaction stays open."""
        is_new = ident not in self.universe.open
        self.universe.open.setdefault(ident, SimpleNamespace(ident=ident))
        statement = classify(text)
        logical = SimpleNamespace(ident=ident, isolation="")
        self.doubts.look(logical, statement, is_new=is_new)
        if statement.is_write:
            self.doubts.wrote(ident, statement)

    def commit(self, ident):
        self.doubts.forget(ident)
        del self.universe.open[ident]

    @property
    def reasons(self):
        return [signal.reason for signal in self.journal.signals]


@pytest.fixture
def link():
    return Link()


def test_a_write_beside_a_row_lock_of_another_is_doubted(link):
    link.send(1, "SELECT qty FROM item WHERE id = 1 FOR UPDATE")
    link.send(2, "UPDATE item SET qty = 2")
    assert link.reasons == ["locks"]


@pytest.mark.parametrize("text", ["SELECT qty FROM item", "UPDATE log SET text = 'x'"])
def test_what_a_row_lock_does_not_hinder_is_not(link, text):
    link.send(1, "SELECT qty FROM item WHERE id = 1 FOR UPDATE")
    link.send(2, text)
    assert link.reasons == []


def test_a_lock_ends_with_its_transaction(link):
    link.send(1, "SELECT qty FROM item WHERE id = 1 FOR UPDATE")
    link.commit(1)
    link.send(2, "UPDATE item SET qty = 2")
    assert link.reasons == []


def test_an_advisory_lock_that_a_commit_did_not_end_is_still_another_connections(link):
    link.send(1, "SELECT pg_advisory_lock(1)")
    link.commit(1)
    link.send(1, "SELECT pg_advisory_unlock(1)")
    assert link.reasons == []
    link.commit(1)
    link.send(2, "SELECT pg_try_advisory_lock(1)")
    assert link.reasons == ["locks"]


def test_rows_seen_through_a_view_may_be_another_connections(link):
    link.send(1, "UPDATE item SET qty = 2")
    link.send(2, "SELECT * FROM shown JOIN log ON true")
    assert link.reasons == ["dirty-read"]


def test_a_temporary_table_is_doubted_once_another_connection_speaks(link):
    link.send(1, "CREATE TEMPORARY TABLE mine (id int)")
    link.commit(1)
    link.send(1, "SELECT * FROM mine")
    link.commit(1)
    assert link.reasons == []
    link.send(2, "SELECT * FROM item")
    assert link.reasons == ["temporary"]


def test_a_new_test_has_no_locks_and_temporary_tables(link):
    link.send(1, "CREATE TEMPORARY TABLE mine (id int)")
    link.send(1, "SELECT pg_advisory_lock(1)")
    link.doubts.forget()
    link.universe.open.clear()
    link.send(2, "SELECT pg_try_advisory_lock(1) FROM item")
    assert link.reasons == []


@pytest.mark.parametrize(
    ("text", "reason", "kind"),
    [
        ("SELECT currval('item_id_seq')", "last-value", SignalKind.DOUBT),
        ("SELECT lastval()", "last-value", SignalKind.DOUBT),
        ("PREPARE q AS SELECT 1", "prepare", SignalKind.DOUBT),
        ("SELECT pg_backend_pid()", "one-connection", SignalKind.DOUBT_IF_FAILED),
        ("SELECT count(*) FROM pg_stat_activity", "one-connection", SignalKind.DOUBT_IF_FAILED),
    ],
)
def test_what_the_server_keeps_per_session_is_doubted(link, text, reason, kind):
    link.send(1, text)
    assert [(one.reason, one.kind) for one in link.journal.signals] == [(reason, kind)]
