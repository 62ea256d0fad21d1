from collections import Counter
from random import Random

from flask_assay.load.deck import JourneyDeck
from flask_assay.load.plan import Exchange, Journey

HOME = Journey("/", "GET", (Exchange("/"),), weight=3)
ACCOUNT = Journey("/account", "GET", (Exchange("/account?a"), Exchange("/account?b")))


def deck():
    return JourneyDeck([HOME, ACCOUNT], random=Random(1))


def test_journeys_are_drawn_by_weight_and_their_requests_evenly():
    drawn = Counter(
        each.path for _, each in (deck_.draw() for deck_ in [deck()] for _ in range(4_000))
    )
    assert 2_800 < drawn["/"] < 3_200
    assert 400 < drawn["/account?a"] < 600


def test_a_journey_that_is_always_refused_is_set_aside():
    dealt = deck()
    for _ in range(3):
        dealt.answered(HOME, 200)
        dealt.answered(ACCOUNT, 401)
    (note,) = dealt.set_aside()
    assert "GET /account" in note
    assert "401" in note
    assert {dealt.draw()[0].name for _ in range(50)} == {"GET /"}


def test_a_server_error_or_one_success_keeps_a_journey():
    for status in (500, 200, 0):
        dealt = deck()
        for code in (401, 401, 401, status):
            dealt.answered(ACCOUNT, code)
        assert dealt.set_aside() == []


def test_when_all_are_refused_all_are_kept():
    dealt = deck()
    for _ in range(5):
        dealt.answered(HOME, 404)
        dealt.answered(ACCOUNT, 404)
    assert dealt.set_aside() == []
    assert len({dealt.draw()[0].name for _ in range(50)}) == 2
