"""Requests that the load really sent, replayed one by one against several targets."""

import base64
import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from flask_assay.experiments.interventions.switchboard import ARM_HEADER, STATEMENTS_HEADER
from flask_assay.model.clock import Clock
from flask_assay.model.owned import AllowedTarget

__all__ = ["Answer", "Client", "SentRequest", "sent_requests"]

# Of the transport, not of the request; the client sets its own.
_OWN_HEADERS = frozenset(
    {"host", "connection", "content-length", "accept-encoding", "x-assay-request"}
)


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
        statements: SQL statements that the target executed for it; None if it does not tell.
    """

    status: int
    content_type: str
    body: bytes
    wall_s: float
    location: str = ""
    statements: int | None = None


def sent_requests(private: Path, routes: dict[int, str]) -> list[SentRequest]:
    """Return the sampled requests of the load.

    Args:
        private: Private directory of the run.
        routes: Request id → route, from the probe's rows.
    """
    found: list[SentRequest] = []
    for path in sorted(private.glob("requests-*.jsonl")):
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue  # torn by the end of its writer
            route = routes.get(int(entry["request_id"]))
            if route is not None:
                found.append(_request(entry, route))
    return found


def _request(entry: dict[str, object], route: str) -> SentRequest:
    headers = entry["headers"]
    assert isinstance(headers, dict)
    return SentRequest(
        route=route,
        method=str(entry["method"]),
        path=str(entry["path"]),
        headers=tuple(
            (str(name), str(value))
            for name, value in headers.items()
            if str(name).lower() not in _OWN_HEADERS
        ),
        body=base64.b64decode(str(entry.get("body_b64") or "")),
        status=int(str(entry["status"])),
    )


class Client:
    """One keep-alive connection to one target; reconnects when the server closed it.

    Args:
        target: Where to.
        clock: Source of time.
        timeout_s: Of each socket operation.
    """

    def __init__(self, target: AllowedTarget, clock: Clock, *, timeout_s: float = 30.0) -> None:
        self._connection = http.client.HTTPConnection(target.host, target.port, timeout=timeout_s)
        self._clock = clock

    def send(self, request: SentRequest, *, arm: str = "") -> Answer:
        """Send one request to an arm of the target; no redirect is followed."""
        headers = dict(request.headers) | ({ARM_HEADER: arm} if arm else {})
        try:
            return self._send(request, headers)
        except (http.client.HTTPException, OSError):
            self._connection.close()
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
            statements=int(told) if told else None,
        )
