"""Keeps a few whole requests per name, each request having the same chance."""

import base64
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random

__all__ = ["Reservoir", "SampleRequest", "write_samples"]

NAME_LIMIT = 500
NOT_REPLAYED = frozenset(
    {"host", "content-length", "connection", "transfer-encoding", "x-assay-request"}
)


@dataclass(frozen=True, slots=True)
class SampleRequest:
    """One request as it was first sent.

    Attributes:
        name: Name of its rows.
        method: HTTP method.
        path: Path with query string.
        headers: As sent; those that belong to the connection are left out when written.
        body: As sent.
        status: Final status of the answer.
        request_id: Id of its last exchange.
    """

    name: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    status: int
    request_id: int


class Reservoir:
    """Uniform samples of bounded size, one for each name (Vitter's algorithm R).

    Args:
        size: Samples kept per name.
        random: Decides which are kept.
    """

    def __init__(self, size: int, *, random: Random) -> None:
        self._size = size
        self._random = random
        self._seen: dict[str, int] = {}
        self._kept: dict[str, list[SampleRequest]] = {}

    def offer(self, name: str, make: Callable[[], SampleRequest | None]) -> None:
        """Keep what ``make`` returns with the chance that is its due; it is called only then."""
        seen = self._seen.get(name, 0)
        if seen == 0 and len(self._seen) >= NAME_LIMIT:
            return
        self._seen[name] = seen + 1
        kept = self._kept.setdefault(name, [])
        place = seen if seen < self._size else self._random.randrange(seen + 1)
        if place >= self._size:
            return
        sample = make()
        if sample is None:
            return
        if place < len(kept):
            kept[place] = sample
        else:
            kept.append(sample)

    def __iter__(self) -> Iterator[SampleRequest]:
        for kept in self._kept.values():
            yield from sorted(kept, key=lambda sample: sample.request_id)


def write_samples(directory: Path, pid: int, samples: Reservoir) -> Path:
    """Write ``requests-<pid>.jsonl`` for its owner's eyes only."""
    path = directory / f"requests-{pid}.jsonl"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        for sample in samples:
            file.write(json.dumps(_line(sample)) + "\n")
    return path


def _line(sample: SampleRequest) -> dict[str, object]:
    headers = {k: v for k, v in sample.headers.items() if k.lower() not in NOT_REPLAYED}
    return {
        "route_hint": sample.name,
        "method": sample.method,
        "path": sample.path,
        "headers": headers,
        "body_b64": base64.b64encode(sample.body).decode(),
        "status": sample.status,
        "request_id": sample.request_id,
    }
