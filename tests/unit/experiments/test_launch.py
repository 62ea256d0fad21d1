"""One launch: who is sent what."""

import random

from flask_assay.experiments.arms import BASE, NULL, ArmPlan
from flask_assay.experiments.launch import Bench, _Session
from flask_assay.experiments.replay import Answer, SentRequest
from flask_assay.gather.lab import Databases
from flask_assay.model.owned import OwnedDatabase

READ, WRITE = "GET /a", "POST /a"


class Clock:
    def monotonic_ns(self):
        return 0


class Seat:
    """A process that notes what it is sent, and by which arm."""

    def __init__(self):
        self.client = self
        self.sent = []

    def send(self, request, *, arm):
        self.sent.append((request.route, arm))
        return Answer(200, "text/plain", b"", 0.01)


def data(name):
    return Databases(OwnedDatabase(name, None, "server", 5432, "1", "nonce", "app"))


def arm(name, database, *routes):
    return ArmPlan(name, () if name in {BASE, NULL} else (name,), frozenset(routes), data(database))


def session_of(*arms):
    requests = {
        route: [SentRequest(route, route.split()[0], "/a", (), b"", 200)] for route in (READ, WRITE)
    }
    seat = Seat()
    bench = Bench(None, None, (), arms, requests, Clock(), frozenset({WRITE}))
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


def test_what_only_keeps_data_alike_is_not_measured():
    session, _ = session_of(
        arm(BASE, "base", READ, WRITE),
        arm(NULL, "null", READ, WRITE),
        arm("index", "indexed", READ),
    )
    session.round()
    found = session.result(frozenset())
    assert set(found.pairs) == {(NULL, READ), (NULL, WRITE), ("index", READ)}
