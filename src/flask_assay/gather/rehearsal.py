"""Ask each derived journey before the load, and leave out what can not be load.

A stream that never ends would hold a worker for the whole run; one slow look tells it apart. The
slowest pages are those that a run is for, so there is some patience for them; and a page that waits
behind another one is not called slow.
Who is turned away says nothing about a route: others are tried, and who is served comes first.
Where users are served for rows of their own and turned away for others', the own are the load.
"""

import http.client
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from flask_assay.gather.looks import Looks
from flask_assay.load.deck import MOVED, TOO_MANY, is_served
from flask_assay.load.plan import Exchange, Journey
from flask_assay.model.owned import AllowedTarget

__all__ = ["rehearse"]

_LONGEST_S = 4.0
_MOST_PATIENT_S = 20.0  # for one answer, while the patience of all lasts
_MOST_LATE = 3  # one after the other: after these nobody is asked any more
_LATE = -1
_MOST_BYTES = 50_000_000
_NUMBER_HEADER = "X-Assay-Request"
_SAME_FOR_ALL = MOVED | {TOO_MANY}
_STREAMS = "text/event-stream"
_MOST_TRIES = 8  # of one journey, each by somebody else
_GREETING_S = 4.0  # of all users together
_TRYING_S = 8.0  # others, of all journeys together
_OWN_S = 8.0  # rows of the users' own, of all journeys together
_MOST_OWNERS = 3  # who ask for a row of their own
_MOST_STRANGERS = 2  # rows of others that each of them asks for
_OWN_PER_OTHER = 3  # requests for own rows beside one for another's, where only those are served


def rehearse(
    journeys: Sequence[Journey],
    target: AllowedTarget,
    patience_s: float = 0.0,
    *,
    own: Mapping[str, Sequence[Exchange]] | None = None,
    looks: Looks | None = None,
) -> tuple[tuple[Journey, ...], dict[str, str]]:
    """Return the journeys whose requests end, and why the others do not.

    Args:
        journeys: Derived journeys.
        target: The booted app.
        patience_s: What slow answers may take together, beyond a few seconds each.
        own: Name of a journey → requests by which users ask for rows of their own.
        looks: Keeps what was asked.

    Returns:
        Journeys to keep, a request that was served before their others, with what it took; name
        of each other journey to the reason.
    """
    asker = _Asker(target, looks)
    _greet(journeys, asker)
    kept: list[Journey] = []
    left_out: dict[str, str] = {}
    welcome = _Welcome(asker, own or {})
    late = 0  # answers in a row
    for derived in journeys:
        journey = derived
        if late == _MOST_LATE:
            kept.append(journey)
            continue
        began = time.monotonic()
        longest_s = min(_MOST_PATIENT_S, _LONGEST_S + patience_s)
        status, fault = asker.ask(journey, journey.exchanges[0], longest_s)
        took_s = time.monotonic() - began
        patience_s = max(0.0, patience_s - max(0.0, took_s - _LONGEST_S))
        late = late + 1 if status == _LATE else 0
        if late > 1:  # it may have waited for the one before
            kept.append(journey)
            continue
        if fault:
            left_out[journey.name] = fault
            continue
        if not is_served(status) and status < 500 and status not in _SAME_FOR_ALL:
            journey = welcome.first(journey)
        kept.append(replace(journey, look_s=took_s))
    return tuple(kept), left_out


def _greet(journeys: Sequence[Journey], asker: "_Asker") -> None:
    """Let each user come once, to the page with the shortest path, before anything counts.

    What an app does for who is new, as to note when somebody was there, is no page's own work.
    """
    plain = [journey for journey in journeys if "<" not in journey.rule]
    first = min(plain, key=lambda journey: len(journey.rule), default=None)
    users = {str(each.headers): each for each in first.exchanges if each.headers} if first else {}
    end_s = time.monotonic() + _GREETING_S
    for exchange in users.values():
        if first is not None and time.monotonic() < end_s:
            asker.greet(first, exchange, _LONGEST_S)


class _Welcome:
    """Finds requests that are served in the place of such that were turned away.

    Owners and others have a time each: where much is refused, one would leave the other none.
    """

    def __init__(self, asker: "_Asker", own: Mapping[str, Sequence[Exchange]]) -> None:
        self._asker, self._own = asker, own
        self._served: Counter[str] = Counter()
        self._own_s, self._trying_s = _OWN_S, _TRYING_S

    def first(self, journey: Journey) -> Journey:
        """Return the journey with requests in front that are served, if there are any."""
        began = time.monotonic()
        owners = self._own.get(journey.name, ()) if self._own_s > 0 else ()
        found = _by_owners(journey, self._asker, owners)
        tried = time.monotonic()
        self._own_s -= tried - began
        if found is None:
            # once the time is up, only those are asked who were served elsewhere
            most = _MOST_TRIES - 1 if self._trying_s > 0 else min(1, len(self._served))
            found = _served_first(journey, self._asker, self._served, most)
            self._trying_s -= time.monotonic() - tried
        return found


def _by_owners(journey: Journey, asker: "_Asker", owners: Sequence[Exchange]) -> Journey | None:
    """Return the journey with the users' own rows in front, None if it is not these that decide.

    Args:
        journey: Whose first request was turned away.
        asker: Of the booted app.
        owners: Requests by which users ask for rows of their own.
    """
    own = {(str(each.headers), each.path) for each in owners}
    others = [each for each in journey.exchanges if (str(each.headers), each.path) not in own]
    firsts = list({str(each.headers): each for each in reversed(owners)}.values())[::-1]
    for first in firsts[:_MOST_OWNERS]:
        strangers = [each for each in others if each.headers == first.headers][:_MOST_STRANGERS]
        answer = asker.status(journey, first) if strangers else 0
        if 200 <= answer < 400:
            others_get = [asker.status(journey, each) for each in strangers]
            if is_served(answer) and any(map(is_served, others_get)):
                return None  # it is who asks, and not for what
            # a redirect after the work differs from one to a sign-in: others are refused plainly
            if not is_served(answer) and any(status < 400 for status in others_get):
                continue
            rest = [each for each in owners if each is not first]
            few = others[: len(owners) // _OWN_PER_OTHER + 1]
            return replace(journey, exchanges=(first, *rest, *few))
    return None


def _served_first(journey: Journey, asker: "_Asker", welcome: Counter[str], most: int) -> Journey:
    """Return the journey with the first request in front that anybody is served.

    Args:
        journey: Whose first request was turned away.
        asker: Of the booted app.
        welcome: Who was served where others were turned away: these are asked first.
        most: How many others are asked.
    """
    others = sorted(_by_others(journey), key=lambda each: -welcome[str(each.headers)])[:most]
    for exchange in others:
        if asker.is_served(journey, exchange):
            welcome[str(exchange.headers)] += 1
            others = [each for each in journey.exchanges if each is not exchange]
            return replace(journey, exchanges=(exchange, *others))
    return journey


def _by_others(journey: Journey) -> list[Exchange]:
    """Return requests with other credentials, each once; without any, requests for other rows."""
    seen = [dict(journey.exchanges[0].headers)]
    others = []
    for exchange in journey.exchanges[1:]:
        if exchange.headers not in seen:
            seen.append(dict(exchange.headers))
            others.append(exchange)
    return others or list(journey.exchanges[1:])


class _Asker:
    """Sends one request after the other, each on a connection of its own."""

    def __init__(self, target: AllowedTarget, looks: Looks | None) -> None:
        self._target, self._looks = target, looks

    def ask(self, journey: Journey, exchange: Exchange, longest_s: float) -> tuple[int, str]:
        """Return the status, 0 or ``_LATE`` if there was none, and why such can not be load."""
        headers = dict(exchange.headers)
        if self._looks is not None:
            headers[_NUMBER_HEADER] = str(self._looks.begin())
        status, size, fault = self._sent(journey, replace(exchange, headers=headers), longest_s)
        if self._looks is not None:
            self._looks.end(journey, exchange, max(0, status), size)
        return status, fault

    def is_served(self, journey: Journey, exchange: Exchange) -> bool:
        """Ask, and tell whether the route did its work."""
        return is_served(self.status(journey, exchange))

    def status(self, journey: Journey, exchange: Exchange) -> int:
        """Ask, and return the status; 0 if the answer can not be load."""
        status, fault = self.ask(journey, exchange, _LONGEST_S)
        return 0 if fault else status

    def greet(self, journey: Journey, exchange: Exchange, longest_s: float) -> None:
        """Ask and forget the answer: it is no part of the recording."""
        self._sent(journey, exchange, longest_s)

    def _sent(self, journey: Journey, exchange: Exchange, longest_s: float) -> tuple[int, int, str]:
        """Return status, bytes and fault."""
        connection = http.client.HTTPConnection(
            self._target.host, self._target.port, timeout=longest_s
        )
        try:
            connection.request(
                journey.method,
                exchange.path,
                body=exchange.body or None,
                headers=dict(exchange.headers),
            )
            response = connection.getresponse()
            if _STREAMS in (response.getheader("Content-Type") or ""):
                return response.status, 0, "answers with a stream of events, which does not end"
            size = len(response.read(_MOST_BYTES))
        except TimeoutError:
            fault = f"did not answer within {longest_s:.3g} s when asked once, before the load"
            return _LATE, 0, fault
        except (OSError, http.client.HTTPException):
            return 0, 0, ""  # a failure under load is a finding, not a reason to look away
        else:
            return response.status, size, ""
        finally:
            connection.close()
