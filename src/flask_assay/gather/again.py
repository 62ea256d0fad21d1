"""Send some of the load's requests again, to a target that only one asks at a time."""

import http.client
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path

from flask_assay.load.transcript import Said, read_transcripts
from flask_assay.model.owned import AllowedTarget
from flask_assay.recording.reader import Recording

__all__ = ["Sender", "candidates", "send_again"]

MOST_TRIES = 3  # times the answers that are wanted
_SAFE = ("GET ", "HEAD ", "OPTIONS ")


def candidates(private: Path, recording: Recording) -> dict[str, list[Said]]:
    """Return route → different requests of the load that succeeded, those to be tried first first.

    Routes that only read come first, so that the others change nothing under them.

    Args:
        private: Private directory of the run.
        recording: Of the load; its rows tell the route of each request.
    """
    routes = {row.request_id: row.route for row in recording.requests if row.request_id}
    found: dict[str, list[Said]] = {}
    for said in read_transcripts(private):
        route = routes.get(said.request_id, "")
        # after a redirect the id is that of another request
        if said.status < 400 and route.startswith(f"{said.method} "):
            found.setdefault(route, []).append(said)
    order = sorted(found, key=lambda route: not route.startswith(_SAFE))
    return {route: _different(found[route]) for route in order}


def _different(every: Iterable[Said]) -> list[Said]:
    """Return the latest requests first, as sessions end during a load; other URLs before others."""
    by_url: dict[object, list[Said]] = {}
    for said in sorted(every, key=lambda said: -said.start_ns):
        same = by_url.setdefault((said.path, said.body), [])
        if all(said.headers != other.headers for other in same):
            same.append(said)
    rounds = zip_longest(*by_url.values())
    return [said for each in rounds for said in each if said is not None]


def send_again(
    sender: "Sender", wanted: Mapping[str, Sequence[Said]], most: int
) -> Iterator[tuple[str, int]]:
    """Send requests of each route until enough are answered as they were in the load.

    Args:
        sender: To the target.
        wanted: Route → requests.
        most: Answers per route that are enough.

    Yields:
        Route and bytes of each such answer, right after it.
    """
    for route, requests in wanted.items():
        answered = 0
        for said in requests[: MOST_TRIES * most]:
            status, size = sender.send(said)
            if status // 100 == said.status // 100:
                answered += 1
                yield route, size
            if answered == most:
                break


class Sender:
    """Sends requests one after the other, and tells how they were answered.

    Args:
        target: Where to.
        timeout_s: Of each socket operation.
    """

    def __init__(self, target: AllowedTarget, *, timeout_s: float = 30.0) -> None:
        self._connection = http.client.HTTPConnection(target.host, target.port, timeout=timeout_s)

    def send(self, said: Said) -> tuple[int, int]:
        """Return status and bytes of the answer; (0, 0) if there was none."""
        try:
            self._connection.request(
                said.method, said.path, body=said.body or None, headers=dict(said.headers)
            )
            response = self._connection.getresponse()
            return response.status, len(response.read())
        except (http.client.HTTPException, OSError):
            self._connection.close()  # the next one gets a new connection
            return 0, 0

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
