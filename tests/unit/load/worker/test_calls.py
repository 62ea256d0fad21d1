import pytest

from flask_assay.load.worker.calls import CallBook, Sent
from flask_assay.model.rows import ClientFlag, Phase


class Clock:
    now = 1_000

    def monotonic_ns(self):
        return self.now

    def unix_ns(self):
        return 0


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def rows():
    return []


@pytest.fixture
def book(clock, rows):
    return CallBook(lambda row, sent: rows.append(row), clock=clock, pid=77)


def test_a_call_becomes_one_row_with_its_times(book, clock, rows):
    book.phase = Phase.STEADY
    call = book.open("GET /", user=3, due_ns=900)
    clock.now = 1_010
    first = book.exchange(call)
    clock.now = 1_100
    book.answered(call, 200, 12)
    clock.now = 5_000
    book.close(call)
    book.close(call, error="again")
    (row,) = rows
    assert (row.start_ns, row.due_ns, row.wall_ns) == (1_010, 900, 90)
    assert (row.request_id, row.exchange_count, row.flags) == (first, 1, 0)
    assert (row.status, row.body_bytes, row.user, row.phase) == (200, 12, 3, Phase.STEADY)


def test_ids_are_unique_and_those_of_one_call_follow_each_other(book, rows):
    a, b = book.open("a"), book.open("b")
    ids = [book.exchange(a), book.exchange(b), book.exchange(a), book.exchange(a)]
    assert len(set(ids)) == 4
    assert 0 not in ids
    assert ids[0] + 2 == ids[2] + 1 == ids[3]
    assert all(number < 2**64 for number in ids)
    book.close(a)
    assert rows[0].request_id == ids[3]
    assert rows[0].exchange_count == 3


def test_ids_of_two_workers_never_meet(clock, book):
    other = CallBook(lambda row, sent: None, clock=clock, pid=78)
    mine = {book.exchange(book.open("x")) for _ in range(100)}
    assert not mine & {other.exchange(other.open("x")) for _ in range(100)}


def test_in_a_closed_run_due_is_when_it_was_sent(book, clock, rows):
    call = book.open("GET /")
    clock.now = 2_000
    book.exchange(call)
    book.close(call)
    assert rows[0].due_ns == rows[0].start_ns == 2_000


def test_an_exchange_without_a_connection_is_none(book, rows):
    call = book.open("GET /")
    book.exchange(call)
    book.not_sent(call)
    book.close(call, error="ConnectionRefusedError: refused")
    assert rows[0].exchange_count == 0
    assert rows[0].request_id == 0
    assert rows[0].flags == ClientFlag.FAILED | ClientFlag.NO_RESPONSE
    assert (book.exchange_count, book.unanswered_count) == (0, 0)


def test_a_reconnect_is_another_exchange_and_leaves_one_unanswered(book, rows):
    call = book.open("GET /")
    book.exchange(call)
    book.reconnected()
    book.exchange(call)
    book.responded(call)
    book.answered(call, 200)
    book.close(call)
    assert rows[0].exchange_count == 2
    assert rows[0].error == ""
    assert (book.reconnect_count, book.unanswered_count) == (1, 1)


def test_a_duration_that_is_known_better_counts_from_asking(book, clock, rows):
    call = book.open("GET /")
    clock.now = 1_200
    book.exchange(call)
    clock.now = 9_000
    book.answered(call, 200)
    book.close(call, wall_ns=700)
    assert rows[0].wall_ns == 1_000 + 700 - 1_200


def test_what_nobody_asked_about_is_reported_by_its_status(book, clock, rows):
    for name, status in (("ok", 200), ("bad", 404)):
        call = book.open(name)
        book.exchange(call)
        book.answered(call, status)
    book.open("under way")
    clock.now += 10
    book.close_abandoned(older_than_ns=20)
    assert rows == []
    book.close_abandoned(older_than_ns=5)
    assert {row.name: row.error for row in rows} == {"ok": "", "bad": "HTTP 404"}
    book.close_all()
    assert rows[-1].error == "broken off at the end of the run"
    book.close_all()
    assert len(rows) == 3


def test_the_phase_of_a_row_is_the_one_it_started_in(book, rows):
    call = book.open("GET /")
    book.phase = Phase.DRAIN
    book.close(call)
    assert rows[0].phase == Phase.SETUP


def test_what_was_sent_goes_with_the_row(clock):
    told = []
    book = CallBook(lambda row, sent: told.append(sent), clock=clock, pid=1)
    call = book.open("GET /")
    call.sent = Sent("GET", "/?a", {}, b"")
    book.close(call)
    assert told == [Sent("GET", "/?a", {}, b"")]
