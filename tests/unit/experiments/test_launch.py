"""One launch: who is sent what."""

import random
from dataclasses import replace

from flask_assay.experiments.arms import BASE, NULL, ArmPlan
from flask_assay.experiments.launch import Bench, _Session
from flask_assay.experiments.replay import Answer, SentRequest
from flask_assay.gather.lab import Databases
from flask_assay.model.deadline import Deadline
from flask_assay.model.effect import OracleVerdict
from flask_assay.model.owned import OwnedDatabase

READ, WRITE = "GET /a", "POST /a"


class Clock:
    def monotonic_ns(self):
        return 0


class Seat:
    """A process that notes what it is sent, and by which arm."""

    def __init__(self, writes):
        self.client = self
        self.sent = []
        self.writes = writes

    def send(self, request, *, arm):
        self.sent.append((request.route, arm))
        return Answer(200, "text/plain", b"", 0.01, writes=self.writes.get(request.route, 0))


def data(name):
    return Databases(OwnedDatabase(name, None, "server", 5432, "1", "nonce", "app"))


def arm(name, database, *routes):
    return ArmPlan(name, () if name in {BASE, NULL} else (name,), frozenset(routes), data(database))


def session_of(*arms, writes=None, repeatable=()):
    requests = {
        route: [SentRequest(route, route.split()[0], "/a", (), b"", 200)] for route in (READ, WRITE)
    }
    seat = Seat(writes or {})
    bench = Bench(
        None, None, (), arms, requests, Clock(), frozenset({WRITE}), frozenset(repeatable)
    )
    return _Session(
        bench, dict.fromkeys((each.name for each in arms), seat), random.Random(1)
    ), seat


def test_every_copy_of_the_data_gets_what_is_written_once():
    session, seat = session_of(
        arm(BASE, "base", READ, WRITE),
        arm(NULL, "null", READ, WRITE),
        arm("reads", "base", READ),
        arm("writes", "own", WRITE),
        arm("index", "indexed", READ),
        arm("index too", "indexed", READ),
    )
    session.turn(WRITE)
    asked = {name for _, name in seat.sent}
    assert asked - {"index", "index too"} == {BASE, NULL, "writes"}
    assert len(seat.sent) == 4


def asked(seat):
    return sorted(name for _, name in seat.sent)


def test_a_request_that_should_only_read_is_repeated_elsewhere_if_it_wrote():
    arms = (arm(BASE, "base", READ), arm(NULL, "null", READ), arm("index", "indexed", WRITE))
    reads, seat = session_of(*arms)
    reads.turn(READ)
    assert asked(seat) == [BASE, NULL]
    writes, seat = session_of(*arms, writes={READ: 1})
    writes.turn(READ)
    assert asked(seat) == [BASE, "index", NULL]


def test_what_is_sent_only_to_learn_reaches_every_copy_too():
    learner = replace(arm("batch", "own", READ, WRITE), learns=True)
    arms = (arm(BASE, "base", READ, WRITE), arm(NULL, "null", READ, WRITE), learner)
    session, seat = session_of(*arms)
    session.turn(READ)
    assert asked(seat) == [BASE, "batch", "batch", NULL]
    session.turn(READ)
    assert len(seat.sent) == 7
    session, seat = session_of(*arms, writes={READ: 1})
    session.turn(READ)
    assert asked(seat) == [BASE, BASE, "batch", "batch", NULL, NULL]
    # a request that is refused when it comes twice would be lost for all arms
    session, seat = session_of(*arms)
    session.turn(WRITE)
    assert asked(seat) == [BASE, "batch", NULL]
    session, seat = session_of(*arms, repeatable={WRITE})
    session.turn(WRITE)
    assert asked(seat) == [BASE, BASE, "batch", "batch", NULL, NULL]


def test_nothing_is_sent_after_the_deadline():
    session, seat = session_of(arm(BASE, "base", READ, WRITE), arm(NULL, "null", READ, WRITE))
    session.round(Deadline(Clock(), 0))
    assert seat.sent == []


def test_what_only_keeps_data_alike_is_not_measured():
    session, _ = session_of(
        arm(BASE, "base", READ, WRITE),
        arm(NULL, "null", READ, WRITE),
        arm("index", "indexed", READ),
    )
    session.round(Deadline.after(Clock(), 1.0))
    found = session.result(frozenset())
    assert set(found.pairs) == {(NULL, READ), (NULL, WRITE), ("index", READ)}


def test_a_round_in_which_somebody_asked_too_often_is_left_out():
    session, seat = session_of(arm(BASE, "base", READ), arm(NULL, "base", READ))
    session.turn(READ)
    answers = iter([200, 429])
    seat.send = lambda request, *, arm: Answer(next(answers), "text/plain", b"", 0.01)
    session.turn(READ)
    found = session.result(frozenset())
    assert len(found.pairs[NULL, READ]) == 1
    assert found.verdicts[NULL, READ] == (OracleVerdict.EQUAL, "")
    assert found.limited == {READ}
