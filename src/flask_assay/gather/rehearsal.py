"""Ask each derived journey once before the load, and leave out what can not be load.

A stream that never ends would hold a worker for the whole run; one slow look tells it apart.
"""

import http.client
from collections.abc import Sequence

from flask_assay.load.plan import Journey
from flask_assay.model.owned import AllowedTarget

__all__ = ["rehearse"]

_LONGEST_S = 4.0
_MOST_BYTES = 50_000_000
_STREAMS = "text/event-stream"


def rehearse(
    journeys: Sequence[Journey], target: AllowedTarget
) -> tuple[tuple[Journey, ...], dict[str, str]]:
    """Return the journeys whose first request ends, and why the others do not.

    Args:
        journeys: Derived journeys.
        target: The booted app.

    Returns:
        Journeys to keep; name of each other journey to the reason.
    """
    kept: list[Journey] = []
    left_out: dict[str, str] = {}
    for journey in journeys:
        reason = _fault(journey, target)
        if reason:
            left_out[journey.name] = reason
        else:
            kept.append(journey)
    return tuple(kept), left_out


def _fault(journey: Journey, target: AllowedTarget) -> str:
    exchange = journey.exchanges[0]
    connection = http.client.HTTPConnection(target.host, target.port, timeout=_LONGEST_S)
    try:
        connection.request(
            journey.method,
            exchange.path,
            body=exchange.body or None,
            headers=dict(exchange.headers),
        )
        response = connection.getresponse()
        if _STREAMS in (response.getheader("Content-Type") or ""):
            return "answers with a stream of events, which does not end"
        response.read(_MOST_BYTES)
    except TimeoutError:
        return f"did not answer within {_LONGEST_S:g} s when asked once, before the load"
    except (OSError, http.client.HTTPException):
        return ""  # a failure under load is a finding, not a reason to look away
    finally:
        connection.close()
    return ""
