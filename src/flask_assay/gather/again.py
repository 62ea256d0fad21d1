"""Send some of the load's requests again, to a target that only one asks at a time."""

import http.client
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path

from flask_assay.gather.lab import Copy, Lab
from flask_assay.gather.sessions import renewed_among, successions
from flask_assay.load.deck import is_served
from flask_assay.load.transcript import Said, read_transcripts
from flask_assay.model.owned import AllowedTarget
from flask_assay.model.rows import RequestFlag
from flask_assay.probe.plan import ProbePlan
from flask_assay.recording.reader import Recording

__all__ = ["Sender", "alone", "candidates", "send_again"]

NUMBER_HEADER = "X-Assay-Request"
LONGEST_NS = 5_000_000_000
MOST_TRIES = 3  # times the answers that are wanted
_REFUSALS = (401, 403)
_SAFE = ("GET ", "HEAD ", "OPTIONS ")


def candidates(private: Path, recording: Recording) -> dict[str, list[Said]]:
    """Return route → different requests of the load that succeeded, those to be tried first first.

    Routes that only read come first, so that the others change nothing under them. Streamed
    answers may have no end, and long ones would take the time of all others: they are left out.
    What was asked in a session that the load ended is there in a later one of the user, too.

    Args:
        private: Private directory of the run.
        recording: Of the load; its rows tell the route of each request.
    """
    routes = {
        row.request_id: row.route
        for row in recording.requests
        if row.request_id and row.wall_ns < LONGEST_NS and not row.flags & RequestFlag.STREAMED
    }
    found: dict[str, list[Said]] = {}
    transcripts = read_transcripts(private)
    for said in transcripts:
        route = routes.get(said.request_id, "")
        # after a redirect the id is that of another request
        if said.status < 400 and route.startswith(f"{said.method} "):
            found.setdefault(route, []).append(said)
    order = sorted(found, key=lambda route: not route.startswith(_SAFE))
    ended = successions(transcripts, recording.client_requests)
    return {
        route: renewed_among(route, _different(_served(route, found[route])), ended)
        for route in order
    }


def _served(route: str, every: list[Said]) -> list[Said]:
    """Return the requests that a route which reads did its work for: no redirect to a sign-in."""
    served = [said for said in every if is_served(said.status)]
    return served if served and route.startswith(_SAFE) else every


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
    sender: "Sender",
    wanted: Mapping[str, Sequence[Said]],
    most: int,
    is_late: Callable[[int], bool],
) -> Iterator[tuple[str, int]]:
    """Send requests of each route until enough are answered as they were in the load.

    In rounds, so that each route has had its turn when the time is up; routes that write come
    after all rounds of those that read.

    Args:
        sender: To the target.
        wanted: Route → requests.
        most: Answers per route that are enough.
        is_late: Whether the time for a round, the first is 0, is up.

    Yields:
        Route and bytes of each such answer, right after it.
    """
    for is_safe in (True, False):
        tries = {
            route: iter(requests[: MOST_TRIES * most])
            for route, requests in wanted.items()
            if route.startswith(_SAFE) is is_safe
        }
        for number in range(most):
            for route, requests in tries.items():
                if is_late(number):
                    break
                size = _first_answer(sender, requests)
                if size is not None:
                    yield route, size


def _first_answer(sender: "Sender", requests: Iterator[Said]) -> int | None:
    """Return the bytes of the first answer like that in the load, None if there is none."""
    for said in filter(sender.may_succeed, requests):
        status, size = sender.send(said)
        if status // 100 == said.status // 100:
            return size
    return None


@contextmanager
def alone(
    lab: Lab, copy: Copy, name: str, probe: ProbePlan, *, is_observed: bool = False
) -> Iterator[tuple["Sender", Path]]:
    """Boot a target whose one thread serves one request after the other.

    Args:
        lab: Servers.
        copy: Data that nobody else uses.
        name: Of the directory for what its probe writes.
        probe: What it carries; its directory is replaced.
        is_observed: Whether a sampler outside of the process will look into it.

    Yields:
        Who sends to it, and the directory, which is whole when the block has ended.
    """
    directory = lab.run.private / name
    directory.mkdir()
    plan = lab.plan(
        lab.route(copy),
        directory,
        probe=replace(probe, recording_dir=directory).to_json(),
        gunicorn_overrides={"workers": 1, "threads": 1, "worker_class": "sync"},
        is_observed=is_observed,
    )
    target = lab.boot(plan)
    sender = Sender(target.address)
    try:
        yield sender, directory
    finally:
        sender.close()
        target.stop()


class Sender:
    """Sends requests one after the other, and tells how they were answered.

    Args:
        target: Where to.
        timeout_s: Of each socket operation.
    """

    def __init__(self, target: AllowedTarget, *, timeout_s: float = 30.0) -> None:
        self._connection = http.client.HTTPConnection(target.host, target.port, timeout=timeout_s)
        self._refused: set[tuple[tuple[str, str], ...]] = set()

    def may_succeed(self, said: Said) -> bool:
        """Whether nobody with these headers was refused: their session may have ended."""
        return said.headers not in self._refused

    def send(self, said: Said, number: int = 0) -> tuple[int, int]:
        """Return status and bytes of the answer; (0, 0) if there was none.

        Args:
            said: The request.
            number: Sent with it, unless it is 0.
        """
        headers = dict(said.headers) | ({NUMBER_HEADER: str(number)} if number else {})
        try:
            self._connection.request(
                said.method, said.path, body=said.body or None, headers=headers
            )
            response = self._connection.getresponse()
            was_served = said.request_id and said.status not in _REFUSALS
            if response.status in _REFUSALS and was_served:
                self._refused.add(said.headers)
            return response.status, len(response.read())
        except (http.client.HTTPException, OSError):
            self._connection.close()  # the next one gets a new connection
            return 0, 0

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
