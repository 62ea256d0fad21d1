"""Requests that the load really sent, replayed one by one against several targets."""

import http.client
from collections.abc import Mapping
from dataclasses import dataclass

from flask_assay.experiments.interventions.response_cache import CACHE_HEADER
from flask_assay.experiments.interventions.switchboard import (
    ARM_HEADER,
    SHAPES_HEADER,
    STATEMENTS_HEADER,
    WRITES_HEADER,
)
from flask_assay.model.clock import Clock
from flask_assay.model.owned import AllowedTarget

__all__ = ["Answer", "Client", "SentRequest"]


@dataclass(frozen=True, slots=True)
class SentRequest:
    """One request to replay.

    Attributes:
        route: Route label as the probe reported it.
        method: HTTP method.
        path: Path with query string.
        headers: As sent, credentials included; never leaves the private directory.
        body: As sent.
        status: Status that it got under load.
    """

    route: str
    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    status: int


@dataclass(frozen=True, slots=True)
class Answer:
    """One response.

    Attributes:
        status: HTTP status, 0 if there was none.
        content_type: Without parameters.
        body: Bytes.
        wall_s: From the first byte sent to the last byte received.
        location: Target of a redirect.
        cookies: Values of ``Set-Cookie``.
        etag: Its validator, without quotes.
        statements: SQL statements that the target executed for it; None if it does not tell.
        shapes: Executions by the mark of their statement's shape; None if it does not tell.
        is_hit: Whether the cache of an experiment answered.
        writes: Statements of it that changed data, as far as the target saw.
    """

    status: int
    content_type: str
    body: bytes
    wall_s: float
    location: str = ""
    cookies: tuple[str, ...] = ()
    etag: str = ""
    statements: int | None = None
    shapes: Mapping[str, int] | None = None
    is_hit: bool = False
    writes: int = 0


class Client:
    """One keep-alive connection to one target; reconnects when the server closed it.

    Args:
        target: Where to.
        clock: Source of time.
        timeout_s: Of each socket operation.
        attempts: How often a request is sent that gets no answer.
    """

    def __init__(
        self, target: AllowedTarget, clock: Clock, *, timeout_s: float = 30.0, attempts: int = 2
    ) -> None:
        self._attempts = attempts
        self._connection = http.client.HTTPConnection(target.host, target.port, timeout=timeout_s)
        self._clock = clock

    def send(self, request: SentRequest, *, arm: str = "", tells: bool = False) -> Answer:
        """Send one request to an arm of the target; no redirect is followed.

        Args:
            request: What to send.
            arm: Name of the arm.
            tells: Whether the answer shall name the shapes of its statements.
        """
        headers = dict(request.headers) | ({ARM_HEADER: arm} if arm else {})
        if tells:
            headers[SHAPES_HEADER] = "1"
        for _ in range(self._attempts):
            try:
                return self._send(request, headers)
            except (http.client.HTTPException, OSError):
                self._connection.close()
        return Answer(0, "", b"", 0.0)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _send(self, request: SentRequest, headers: Mapping[str, str]) -> Answer:
        start = self._clock.monotonic_ns()
        self._connection.request(
            request.method, request.path, body=request.body or None, headers=dict(headers)
        )
        response = self._connection.getresponse()
        body = response.read()
        wall_s = (self._clock.monotonic_ns() - start) / 1e9
        told = response.getheader(STATEMENTS_HEADER)
        return Answer(
            status=response.status,
            content_type=(response.getheader("Content-Type") or "").partition(";")[0],
            body=body,
            wall_s=wall_s,
            location=response.getheader("Location") or "",
            cookies=tuple(response.headers.get_all("Set-Cookie", ())),
            etag=(response.getheader("ETag") or "").strip('"'),
            statements=int(told) if told else None,
            shapes=_shapes(response.getheader(SHAPES_HEADER)),
            is_hit=response.getheader(CACHE_HEADER) == "hit",
            writes=int(response.getheader(WRITES_HEADER) or 0),
        )


def _shapes(told: str | None) -> Mapping[str, int] | None:
    if told is None:
        return None
    pairs = (each.partition("=") for each in told.split(",") if each)
    return {mark: int(count) for mark, _, count in pairs}
