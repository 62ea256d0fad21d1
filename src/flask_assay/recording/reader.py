"""Read a recording: rows with names resolved, documents, events."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from flask_assay.errors import RecordingError
from flask_assay.model.rows import ClientRow, Phase, RequestRow, Span, SpanKind
from flask_assay.recording import directory, wire

__all__ = ["Recording", "open_recording"]


@dataclass(frozen=True)
class RowsFile:
    """One decoded ``*.rows`` file."""

    pid: int
    requests: tuple[RequestRow, ...]
    clients: tuple[ClientRow, ...]
    counters: dict[str, object]
    stacks: dict[str, int]
    clock: dict[str, int]


@dataclass(frozen=True)
class Recording:
    """One recording, opened read-only. Everything is read once and kept."""

    path: Path

    @cached_property
    def manifest(self) -> dict[str, object]:
        """The manifest: run id, app, status, versions, settings."""
        found = directory.read_document(self.path, directory.MANIFEST)
        return found if isinstance(found, dict) else {}

    def document(self, name: str) -> dict[str, object]:
        """Return a document of the recording, empty if it was never written."""
        found = directory.read_document(self.path, name, {})
        return found if isinstance(found, dict) else {}

    @cached_property
    def events(self) -> list[dict[str, object]]:
        """Phases and incidents in order."""
        return directory.read_lines(self.path, directory.EVENTS)

    @cached_property
    def samples(self) -> list[dict[str, object]]:
        """Resource samples in order."""
        return directory.read_lines(self.path, directory.SAMPLES)

    @cached_property
    def probe_files(self) -> tuple[RowsFile, ...]:
        """What each process of the target wrote."""
        return tuple(_decode(path) for path in sorted(self.path.glob("probe-*.rows")))

    @cached_property
    def load_files(self) -> tuple[RowsFile, ...]:
        """What each load worker wrote."""
        return tuple(_decode(path) for path in sorted(self.path.glob("load-*.rows")))

    @cached_property
    def requests(self) -> tuple[RequestRow, ...]:
        """Every request of every process, background containers included, by start."""
        rows = [row for file in self.probe_files for row in file.requests]
        return tuple(sorted(rows, key=lambda row: row.start_ns))

    @cached_property
    def client_requests(self) -> tuple[ClientRow, ...]:
        """Every request of every load worker, by start."""
        rows = [row for file in self.load_files for row in file.clients]
        return tuple(sorted(rows, key=lambda row: row.start_ns))


def open_recording(path: Path) -> Recording:
    """Open the recording in a directory.

    Raises:
        RecordingError: If there is none, or it is of another schema version.
    """
    manifest = directory.read_document(path, directory.MANIFEST)
    if not path.exists():
        raise RecordingError(
            f"there is no recording {path}",
            todo="`flask --app X assay run` makes one, and prints its path at its end.",
        )
    if not isinstance(manifest, dict):
        raise RecordingError(
            f"{path} is not a recording: it has no {directory.MANIFEST}.json",
            todo="Name a directory that `flask assay run` wrote; it prints the path at its end.",
        )
    version = manifest.get("schema_version")
    if version != directory.SCHEMA_VERSION:
        raise RecordingError(
            f"{path} has schema version {version}, this is for {directory.SCHEMA_VERSION}",
            why="The recording was written by another version of flask-assay.",
            todo="Record again, or read it with the version that wrote it.",
        )
    return Recording(path)


def _decode(path: Path) -> RowsFile:
    data = path.read_bytes()
    names: dict[int, str] = {0: ""}
    pid = wire.HEADER.unpack_from(data)[3] if len(data) >= wire.HEADER.size else 0
    requests: list[RequestRow] = []
    clients: list[ClientRow] = []
    documents: dict[int, dict[str, object]] = {}
    stacks: dict[str, int] = {}
    for kind, payload in wire.read_frames(data):
        if kind == wire.FrameKind.REQUEST:
            requests.append(_request(payload, names, pid))
        elif kind == wire.FrameKind.CLIENT:
            clients.extend(_clients(payload, names))
        elif kind == wire.FrameKind.NAME:
            entry = json.loads(bytes(payload))
            names[entry["i"]] = entry["v"]
        elif kind == wire.FrameKind.STACKS:
            for stack, count in json.loads(bytes(payload))["stacks"].items():
                stacks[stack] = stacks.get(stack, 0) + count
        else:
            documents[kind] = json.loads(bytes(payload))
    return RowsFile(
        pid,
        tuple(requests),
        tuple(clients),
        documents.get(wire.FrameKind.COUNTERS, {}),
        stacks,
        {key: int(str(value)) for key, value in documents.get(wire.FrameKind.CLOCK, {}).items()},
    )


def _request(payload: memoryview, names: dict[int, str], pid: int) -> RequestRow:
    head = wire.REQUEST_HEAD.unpack_from(payload)
    start, wall, cpu, request_id, body, query, identity, route, endpoint = head[:9]
    size, dropped, _, status, flags = head[9:]
    spans = tuple(
        Span(SpanKind(k), f, c, names.get(n, ""), names.get(s, ""), names.get(d, ""), t, w, r, g)
        for k, f, c, n, s, d, t, w, r, g in wire.SPAN.iter_unpack(payload[wire.REQUEST_HEAD.size :])
    )
    return RequestRow(
        pid=pid,
        start_ns=start,
        wall_ns=wall,
        cpu_ns=cpu,
        request_id=request_id,
        route=names.get(route, ""),
        endpoint=names.get(endpoint, ""),
        status=status,
        flags=flags,
        body_bytes=size,
        body_digest=body,
        query_digest=query,
        identity_digest=identity,
        spans=spans,
        dropped_count=dropped,
    )


def _clients(payload: memoryview, names: dict[int, str]) -> Iterator[ClientRow]:
    for row in wire.CLIENT_ROW.iter_unpack(payload):
        start, due, wall, request_id, name, error, user, size, status, flags, phase, hops = row
        yield ClientRow(
            start_ns=start,
            due_ns=due,
            wall_ns=wall,
            request_id=request_id,
            name=names.get(name, ""),
            status=status,
            flags=flags,
            phase=Phase(phase),
            user=user,
            body_bytes=size,
            exchange_count=hops,
            error=names.get(error, ""),
        )
