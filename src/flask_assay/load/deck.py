"""Deals journeys to virtual users, and sets aside those that cannot work."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from random import Random

from flask_assay.load.plan import Exchange, Journey

__all__ = ["MOVED", "TOO_MANY", "JourneyDeck", "is_served", "is_turned_away"]

TRIES_BEFORE_JUDGING = 3
DRAWS_MIN = 4  # of each journey, before the others get more
DRAWS_S = 5.0  # that these may take together: a slow journey gets fewer
SLOW_S = 1.0  # alone; what takes longer is drawn less often in proportion
CHANCE_SHARE = 0.25  # of the draws meanwhile
TOO_MANY = 429
MOVED = frozenset({301, 308})  # for good, whoever asks
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
    short load reaches every route; but one that was slow when it was asked before the load, as
    then a few would take the time of all. Then those come first that were drawn least and answer
    soon, with their next requests and once as the user who is served where others are not: a
    count of one or two says little. Where some users are served and others are turned away, most
    requests are those of users who are served: an administrator's pages are an administrator's.
    Where nobody was served yet, those go first who were served elsewhere when others were not.

    Args:
        journeys: What can be drawn; at least one.
        random: Decides what is drawn.
    """

    def __init__(self, journeys: Sequence[Journey], *, random: Random) -> None:
        self._journeys = list(journeys)
        self._weights = [_weight(journey) for journey in journeys]
        self._random = random
        self._counts: Counter[str] = Counter()
        self._rare = [journey for journey in journeys if self._charge(journey) <= DRAWS_S]
        self._fresh = random.sample(self._rare, len(self._rare))
        self._answers: dict[str, Counter[int]] = {}
        self._served: dict[str, set[_Identity]] = {}
        self._turned_away: dict[str, set[_Identity]] = {}

    @property
    def has_rare(self) -> bool:
        """Whether some journey that answers soon was drawn seldom or never."""
        return bool(self._rare)

    def draw(self) -> tuple[Journey, Exchange]:
        """Return a journey and the request that stands for it this time."""
        if self._fresh:
            journey = self._fresh.pop()
            exchange = journey.exchanges[0]
        elif self._rare and self._random.random() >= CHANCE_SHARE:
            journey = min(self._rare, key=self._charge)
            exchange = self._next(journey)
        else:
            journey = self._random.choices(self._journeys, self._weights)[0]
            exchanges = self._promising(journey)
            exchange = exchanges[self._random.randrange(len(exchanges))]
        self._counts[journey.name] += 1
        if self._counts[journey.name] >= DRAWS_MIN or self._charge(journey) > DRAWS_S:
            self._rare = [each for each in self._rare if each is not journey]
        return journey, exchange

    def answered(self, journey: Journey, exchange: Exchange, status: int) -> None:
        """Count an answer for a journey, and remember who was served and who was not."""
        self._answers.setdefault(journey.name, Counter())[status] += 1
        if status == TOO_MANY and self._counts[journey.name] < DRAWS_MIN:
            self._counts[journey.name] -= 1  # it is as if it was not asked
        if status in MOVED:  # where it leads has a journey of its own
            self._rare = [each for each in self._rare if each is not journey]
        if is_served(status):
            self._served.setdefault(journey.name, set()).add(_identity(exchange))
        elif is_turned_away(status):
            self._turned_away.setdefault(journey.name, set()).add(_identity(exchange))

    def set_aside(self) -> list[str]:
        """Drop journeys that only ever met refusals (4xx) and say so; keep at least one.

        A route that needs a login or a header answers every anonymous request alike;
        such answers say nothing about the app's work.
        """
        hopeless = [journey for journey in self._journeys if self._is_hopeless(journey)]
        if len(hopeless) == len(self._journeys):
            return []
        self._journeys = [journey for journey in self._journeys if journey not in hopeless]
        self._weights = [_weight(journey) for journey in self._journeys]
        self._fresh = [journey for journey in self._fresh if journey not in hopeless]
        self._rare = [journey for journey in self._rare if journey not in hopeless]
        return [
            f"{journey.name} was left out after the warm-up: it answered "
            f"{next(iter(self._answers[journey.name]))} every time"
            for journey in hopeless
        ]

    def _is_hopeless(self, journey: Journey) -> bool:
        answers = self._answers.get(journey.name, Counter())
        tried = answers.total()
        return tried >= TRIES_BEFORE_JUDGING and all(400 <= code < 500 for code in answers)

    def _charge(self, journey: Journey) -> float:
        """Return the seconds that a journey will have had after its next draw, by its look."""
        return (self._counts[journey.name] + 1) * max(journey.look_s, 1e-3)

    def _next(self, journey: Journey) -> Exchange:
        """Return the request that follows in a journey's own order."""
        count = self._counts[journey.name]
        rights = self._rights()
        if count == 1 and rights:
            first, user = journey.exchanges[0], dict(rights.most_common(1)[0][0])
            return replace(first, headers={**first.headers, **user})
        exchanges = self._promising(journey)
        return exchanges[count % len(exchanges)]

    def _promising(self, journey: Journey) -> Sequence[Exchange]:
        """Return the requests that most of all will be served, where some were turned away."""
        turned_away = self._turned_away.get(journey.name)
        if not turned_away or self._random.random() < OTHERS_SHARE:
            return journey.exchanges
        served = self._served.get(journey.name)
        if served:
            return [each for each in journey.exchanges if _identity(each) in served]
        rights = self._rights()
        untried = [each for each in journey.exchanges if _identity(each) not in turned_away]
        most = max((rights[_identity(each)] for each in untried), default=0)
        return [each for each in untried if rights[_identity(each)] == most] or journey.exchanges

    def _rights(self) -> Counter[_Identity]:
        """Return how many journeys served each user and turned others away."""
        return Counter(user for name in self._turned_away for user in self._served.get(name, ()))


def _weight(journey: Journey) -> float:
    """Return how often a journey is drawn: a slow one less often, for as much time as others."""
    return journey.weight * SLOW_S / max(journey.look_s, SLOW_S)


def _identity(exchange: Exchange) -> _Identity:
    return tuple(sorted(exchange.headers.items()))
