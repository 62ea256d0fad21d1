"""Keeps every request of the load in order, so that caches can be tried on what was really asked.

Lines of ``transcript-<pid>.jsonl``: the headers of a virtual user stand in a line of their own,
before the first request that sends them, since they hardly change. A request whose answer handed
something out that later ones send back, a token say, has that answer beside it.
"""

import base64
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["BYTES_LIMIT", "Heard", "Said", "Transcript", "read_transcripts"]

BYTES_LIMIT = 64_000_000
_OWN_HEADERS = frozenset(
    {
        "host",
        "content-length",
        "connection",
        "transfer-encoding",
        "accept-encoding",
        "x-assay-request",
    }
)


class Heard(NamedTuple):
    """How a request was answered, before any redirect was followed.

    Attributes:
        status: HTTP status.
        cookies: Values of ``Set-Cookie``.
        location: Target of a redirect.
        body: Empty if it was long.
    """

    status: int
    cookies: tuple[str, ...]
    location: str
    body: bytes


class Said(NamedTuple):
    """One request as it was first sent; ``heard`` is None where nothing was handed out.

    ``request_id`` is 0 of one that nobody sent so.
    """

    request_id: int
    start_ns: int
    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    status: int
    heard: Heard | None = None


class Transcript:
    """Writes the requests of one worker for its owner's eyes only; stops at ``BYTES_LIMIT``.

    Args:
        directory: Private, outside of the recording.
        pid: Of the worker.
    """

    def __init__(self, directory: Path, pid: int) -> None:
        self._path = directory / f"transcript-{pid}.jsonl"
        self._lines: list[str] = []
        self._headers: dict[tuple[tuple[str, str], ...], int] = {}
        self._size = 0
        self.is_full = False

    def add(self, said: Said) -> None:
        """Keep one request; ``flush`` writes it."""
        if self.is_full:
            return
        number = self._headers.get(said.headers)
        if number is None:
            number = self._headers[said.headers] = len(self._headers)
            self._append(_kept(said.headers))
        body = base64.b64encode(said.body).decode()
        heard = said.heard and (*said.heard[:3], base64.b64encode(said.heard.body).decode())
        self._append([*said[:4], number, body, said.status, heard])
        self.is_full = self._size > BYTES_LIMIT

    def flush(self) -> None:
        """Append to the file what came in since the last time."""
        if not self._lines:
            return
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write("".join(self._lines))
        self._lines.clear()

    def _append(self, value: object) -> None:
        line = json.dumps(value) + "\n"
        self._size += len(line)
        self._lines.append(line)


def read_transcripts(directory: Path) -> list[Said]:
    """Return the requests of all workers in the order in which they were sent.

    Args:
        directory: That the transcripts were written to.
    """
    found: list[Said] = []
    for path in sorted(directory.glob("transcript-*.jsonl")):
        found += _read(path)
    return sorted(found, key=lambda said: said.start_ns)


def _read(path: Path) -> Iterator[Said]:
    headers: list[tuple[tuple[str, str], ...]] = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            told = json.loads(line)
        except ValueError:
            continue  # torn by the end of its writer
        if isinstance(told, dict):
            headers.append(tuple(told.items()))
        else:
            request_id, start_ns, method, target, number, body, status, heard = told
            content, sender = base64.b64decode(body), headers[number]
            yield Said(request_id, start_ns, method, target, sender, content, status, _heard(heard))


def _heard(told: list[Any] | None) -> Heard | None:
    if told is None:
        return None
    status, cookies, location, body = told
    return Heard(status, tuple(cookies), location, base64.b64decode(body))


def _kept(headers: tuple[tuple[str, str], ...]) -> Mapping[str, str]:
    return {name: value for name, value in headers if name.lower() not in _OWN_HEADERS}
