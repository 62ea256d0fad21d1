"""Deals journeys to virtual users, and sets aside those that cannot work."""

from collections import Counter
from collections.abc import Sequence
from random import Random

from flask_assay.load.plan import Exchange, Journey

__all__ = ["JourneyDeck", "is_served", "is_turned_away"]

TRIES_BEFORE_JUDGING = 3
OTHERS_SHARE = 0.25  # of a restricted journey's requests: rows may decide, and not who asks

_Identity = tuple[tuple[str, str], ...]


def is_served(status: int) -> bool:
    """Return whether the route did its work for who asked."""
    return 200 <= status < 300 or status == 304


def is_turned_away(status: int) -> bool:
    """Return whether who asked was sent to a sign-in or refused."""
    return (300 <= status < 400 and status != 304) or status in {401, 403}


class JourneyDeck:
    """Draws a journey by weight and one of its requests.

    Each journey is drawn once before any is drawn by chance, with its first request, so that a
    short load reaches every route. Where some users are served and others are turned away, most
    requests are those of users who are served: an administrator's pages are an administrator's.

    Args:
        journeys: What can be drawn; at least one.
        random: Decides what is drawn.
    """

    def __init__(self, journeys: Sequence[Journey], *, random: Random) -> None:
        self._journeys = list(journeys)
        self._weights = [journey.weight for journey in journeys]
        self._random = random
        self._fresh = random.sample(self._journeys, len(self._journeys))
        self._answers: dict[str, Counter[int]] = {}
        self._served: dict[str, set[_Identity]] = {}

    def draw(self) -> tuple[Journey, Exchange]:
        """Return a journey and the request that stands for it this time."""
        if self._fresh:
            journey = self._fresh.pop()
            return journey, journey.exchanges[0]
        journey = self._random.choices(self._journeys, self._weights)[0]
        exchanges = self._promising(journey)
        return journey, exchanges[self._random.randrange(len(exchanges))]

    def answered(self, journey: Journey, exchange: Exchange, status: int) -> None:
        """Count an answer for a journey, and remember who was served."""
        self._answers.setdefault(journey.name, Counter())[status] += 1
        if is_served(status):
            self._served.setdefault(journey.name, set()).add(_identity(exchange))

    def set_aside(self) -> list[str]:
        """Drop journeys that only ever met refusals (4xx) and say so; keep at least one.

        A route that needs a login or a header answers every anonymous request alike;
        such answers say nothing about the app's work.
        """
        hopeless = [journey for journey in self._journeys if self._is_hopeless(journey)]
        if len(hopeless) == len(self._journeys):
            return []
        self._journeys = [journey for journey in self._journeys if journey not in hopeless]
        self._weights = [journey.weight for journey in self._journeys]
        self._fresh = [journey for journey in self._fresh if journey not in hopeless]
        return [
            f"{journey.name} was left out after the warm-up: it answered "
            f"{next(iter(self._answers[journey.name]))} every time"
            for journey in hopeless
        ]

    def _is_hopeless(self, journey: Journey) -> bool:
        answers = self._answers.get(journey.name, Counter())
        tried = answers.total()
        return tried >= TRIES_BEFORE_JUDGING and all(400 <= code < 500 for code in answers)

    def _promising(self, journey: Journey) -> Sequence[Exchange]:
        """Return the requests of users who were served, where others were turned away."""
        served = self._served.get(journey.name)
        is_restricted = any(map(is_turned_away, self._answers.get(journey.name, ())))
        if not served or not is_restricted or self._random.random() < OTHERS_SHARE:
            return journey.exchanges
        return [each for each in journey.exchanges if _identity(each) in served]


def _identity(exchange: Exchange) -> _Identity:
    return tuple(sorted(exchange.headers.items()))
