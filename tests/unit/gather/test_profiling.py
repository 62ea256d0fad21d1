"""Which requests are sent for the CPU profile: enough of each route, and writes only once."""

from tests.recordings.builder import RecordingBuilder

from flask_assay.gather.profiling import (
    CPU_S,
    FEW_REQUESTS,
    LEAST_OF_TURN,
    MOST_TRIES,
    RoutePlan,
    _Route,
    plans_of,
)
from flask_assay.load.transcript import Said


def said(method="GET", path="/x"):
    return Said(1, 1, method, path, (), b"", 200)


class Still:
    """A clock that goes on by itself at each look."""

    def __init__(self, step_ns=1_000_000):
        self.ns, self.step_ns = 0, step_ns

    def monotonic_ns(self):
        self.ns += self.step_ns
        return self.ns


class Sender:
    def __init__(self, statuses=()):
        self.statuses, self.numbers = list(statuses), []

    def may_succeed(self, one):
        return True

    def send(self, one, number):
        self.numbers.append(number)
        return (self.statuses.pop(0) if self.statuses else 200), 0


def test_routes_with_more_cpu_come_first_and_get_as_many_requests_as_their_cpu_needs(tmp_path):
    build = RecordingBuilder(tmp_path)
    for route, ms in (("GET /light", 0.1), ("GET /heavy", 9)):
        for _ in range(10):
            with build.request(route) as request:
                request.work(ms)
    wanted = {"GET /light": [said()], "GET /heavy": [said()], "GET /unseen": [said()]}
    found = {plan.route: plan.count for plan in plans_of(wanted, build.write())}
    assert list(found) == ["GET /heavy", "GET /light", "GET /unseen"]
    assert found["GET /heavy"] == CPU_S / 0.010  # a millisecond of its own beside
    assert found["GET /light"] == found["GET /unseen"] == FEW_REQUESTS


def test_the_first_answer_warms_up_and_bears_no_number():
    sender = Sender()
    route = _Route(RoutePlan("GET /x", [said()], 3))
    route.send(sender, 1 / 3, Still(), 10**12)
    assert sender.numbers == [0, 1]
    route.send(sender, 1.0, Still(), 10**12)
    assert sender.numbers == [0, 1, 2, 3]


def test_a_request_that_writes_is_sent_once():
    sender = Sender()
    _Route(RoutePlan("POST /x", [said("POST"), said("POST")], 9)).send(sender, 1.0, Still(), 10**12)
    assert sender.numbers == [0, 1]


def test_answers_unlike_those_of_the_load_are_no_warm_up_and_do_not_go_on_for_ever():
    sender = Sender([409] * 100)
    _Route(RoutePlan("GET /x", [said()], 3)).send(sender, 1.0, Still(), 10**12)
    assert sender.numbers == [0] * 3 * MOST_TRIES


def test_it_ends_when_the_time_is_up():
    sender = Sender()
    _Route(RoutePlan("GET /x", [said()], 50)).send(sender, 1.0, Still(), 5_000_000)
    assert len(sender.numbers) == 3


def test_a_slow_route_leaves_the_rest_of_its_turn_to_others_but_is_not_skipped():
    sender = Sender()
    _Route(RoutePlan("GET /x", [said()], 50)).send(sender, 1.0, Still(10**9), 10**12)
    assert len(sender.numbers) == LEAST_OF_TURN
