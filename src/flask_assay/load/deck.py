"""Deals journeys to virtual users, and sets aside those that cannot work."""

from collections import Counter
from collections.abc import Sequence
from random import Random

from flask_assay.load.plan import Exchange, Journey

__all__ = ["JourneyDeck"]

TRIES_BEFORE_JUDGING = 3


class JourneyDeck:
    """Draws a journey by weight and one of its requests.

    Args:
        journeys: What can be drawn; at least one.
        random: Decides what is drawn.
    """

    def __init__(self, journeys: Sequence[Journey], *, random: Random) -> None:
        self._journeys = list(journeys)
        self._weights = [journey.weight for journey in journeys]
        self._random = random
        self._answers: dict[str, Counter[int]] = {}

    def draw(self) -> tuple[Journey, Exchange]:
        """Return a journey and the request that stands for it this time."""
        journey = self._random.choices(self._journeys, self._weights)[0]
        exchanges = journey.exchanges
        return journey, exchanges[self._random.randrange(len(exchanges))]

    def answered(self, journey: Journey, status: int) -> None:
        """Count an answer for a journey."""
        self._answers.setdefault(journey.name, Counter())[status] += 1

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
        return [
            f"{journey.name} was left out after the warm-up: it answered "
            f"{next(iter(self._answers[journey.name]))} every time"
            for journey in hopeless
        ]

    def _is_hopeless(self, journey: Journey) -> bool:
        answers = self._answers.get(journey.name, Counter())
        tried = answers.total()
        return tried >= TRIES_BEFORE_JUDGING and all(400 <= code < 500 for code in answers)
