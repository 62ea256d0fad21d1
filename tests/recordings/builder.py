"""Writes small recordings, frame by frame, as the probe and the load worker would.

A test says what requests did; times are laid out one after another on a made-up clock::

    build = RecordingBuilder(tmp_path)
    for _ in range(50):
        with build.request("GET /orders") as request:
            request.query("SELECT * FROM orders LIMIT ?", rows=20, ms=2)
    recording = build.write()
"""

import itertools
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from flask_assay.model.rows import Phase, RequestFlag, SpanFlag, SpanKind
from flask_assay.recording import directory, wire
from flask_assay.recording.reader import Recording, open_recording

MS = 1_000_000
START_NS = 1_000_000_000_000


@dataclass
class RequestDraft:
    """One request being written; spans follow one another unless they are nested."""

    names: "Names"
    start_ns: int
    at_ns: int
    cpu_ms: float = 1.0
    spans: list[tuple[int, ...]] = field(default_factory=list)
    connection: int = 1

    def span(
        self,
        kind: SpanKind,
        name: str = "",
        *,
        ms: float = 0.5,
        site: str = "",
        detail: str = "",
        rows: int = -1,
        digest: int = 0,
        flags: int = 0,
        connection: int | None = None,
    ) -> None:
        """Add a span that starts where the last one ended."""
        self.add(
            kind, name, self.at_ns, int(ms * MS), site, detail, rows, digest, flags, connection
        )
        self.at_ns += int(ms * MS)

    def add(
        self,
        kind,
        name,
        start,
        wall,
        site="",
        detail="",
        rows=-1,
        digest=0,
        flags=0,
        connection=None,
    ):
        self.spans.append((
            int(kind), int(flags), self.connection if connection is None else connection,
            self.names(name), self.names(site), self.names(detail), start, wall, rows, digest,
        ))  # fmt: skip

    def query(
        self,
        sql: str,
        *,
        ms: float = 0.5,
        rows: int = 1,
        digest: int = 0,
        site: str = "",
        detail: str = "",
        many: bool = False,
    ) -> None:
        flags = SpanFlag.IN_TRANSACTION | (SpanFlag.EXECUTEMANY if many else 0)
        self.span(
            SpanKind.QUERY,
            sql,
            ms=ms,
            rows=rows,
            digest=digest,
            site=site,
            detail=detail,
            flags=flags,
        )

    def http(
        self, name: str, *, ms: float = 50, site: str = "", flags: int = 0, detail: str = ""
    ) -> None:
        self.span(SpanKind.HTTP, name, ms=ms, site=site, flags=flags, detail=detail, connection=0)

    def cache(
        self,
        command: str = "GET",
        *,
        hit: bool | None = True,
        ms: float = 0.2,
        site: str = "",
        digest: int = 0,
        pipeline: bool = False,
        detail: str = "",
    ) -> None:
        flags = {True: SpanFlag.HIT, False: SpanFlag.MISS, None: 0}[hit] | (
            SpanFlag.PIPELINE if pipeline else 0
        )
        self.span(
            SpanKind.CACHE,
            command,
            ms=ms,
            site=site,
            flags=flags,
            digest=digest,
            detail=detail,
            connection=0,
        )

    def work(self, ms: float) -> None:
        """Let time pass on the CPU."""
        self.at_ns += int(ms * MS)
        self.cpu_ms += ms

    def idle(self, ms: float) -> None:
        """Let time pass that no sensor explains."""
        self.at_ns += int(ms * MS)

    @contextmanager
    def around(self, kind: SpanKind, name: str = "", *, site: str = "") -> Iterator[None]:
        """Put what happens inside into a span that ends after it."""
        start = self.at_ns
        yield
        connection = self.connection if kind is SpanKind.CONNECTION else 0
        self.add(kind, name, start, self.at_ns - start, site, connection=connection)


class Names:
    """Interns names; emits the frame that binds each."""

    def __init__(self) -> None:
        self.ids = {"": 0}
        self.frames: list[bytes] = []

    def __call__(self, text: str) -> int:
        if text not in self.ids:
            self.ids[text] = len(self.ids)
            self.frames.append(wire.name_frame(self.ids[text], "name", text))
        return self.ids[text]


class RecordingBuilder:
    """Collects requests and writes the directory of a recording."""

    def __init__(self, path: Path, *, seed: int = 1) -> None:
        self.path = path
        self.random = random.Random(seed)
        self.names, self.load_names = Names(), Names()
        self.request_frames: list[bytes] = []
        self.client_rows: list[bytes] = []
        self.documents: dict[str, object] = {}
        self.events: list[dict] = []
        self.samples: list[dict] = []
        self.counters: dict[str, object] = {
            "requests": 0,
            "queries": 0,
            "spans_dropped": 0,
            "sensors": {},
        }
        self.load_counters: dict[str, object] = {}
        self.now_ns = START_NS
        self.ids = itertools.count(1)
        self.stacks: dict[str, int] = {}

    @contextmanager
    def request(
        self,
        route: str,
        *,
        status: int = 200,
        flags: int = 0,
        gap_ms: float = 5,
        queueing_ms: float = 0.5,
        body_bytes: int = 500,
        body_digest: int = 0,
        query_digest: int = 0,
        identity_digest: int = 0,
        client: bool = True,
        phase: Phase = Phase.STEADY,
        endpoint: str | None = None,
    ) -> Iterator[RequestDraft]:
        """Write one request; it starts after the one before, and so do its spans."""
        start = self.now_ns
        draft = RequestDraft(self.names, start, start + MS // 10)
        yield draft
        wall = draft.at_ns - start + MS // 10
        request_id = next(self.ids) if client else 0
        if endpoint is None:
            endpoint = (
                route.split("/")[1].split("?", maxsplit=1)[0] or "index" if "/" in route else ""
            )
        head = (
            start, wall, int(draft.cpu_ms * MS), request_id, body_digest, query_digest, identity_digest,
            self.names(route), self.names(endpoint), body_bytes, 0, len(draft.spans), status, flags,
        )  # fmt: skip
        flat = [number for span in draft.spans for number in span]
        self.request_frames.append(wire.request_frame(head, flat, len(draft.spans)))
        if not flags & RequestFlag.BACKGROUND:
            self.counters["requests"] += 1
        self.counters["queries"] += sum(1 for span in draft.spans if span[0] == SpanKind.QUERY)
        if client:
            self._client(
                start, wall, int(queueing_ms * MS), request_id, route, status, phase, body_bytes
            )
        self.now_ns = start + wall + int(gap_ms * MS)

    def _client(self, start, wall, queueing, request_id, route, status, phase, size):
        row = wire.CLIENT_ROW.pack(
            start - queueing // 2, start - queueing // 2, wall + queueing, request_id,
            self.load_names(route), 0, 1, size, status, 1 if status >= 500 else 0, int(phase), 1,
        )  # fmt: skip
        self.client_rows.append(row)

    def document(self, name: str, value: object) -> None:
        self.documents[name] = value

    def write(self, *, status: str = "complete", phases: bool = True) -> Recording:
        """Write everything and open it."""
        self.path.mkdir(parents=True, exist_ok=True)
        clock = wire.json_frame(wire.FrameKind.CLOCK, {"monotonic_ns": START_NS, "unix_ns": 10**18})
        probe = [wire.header(100), clock, *self.names.frames, *self.request_frames]
        probe.append(wire.json_frame(wire.FrameKind.COUNTERS, self.counters))
        if self.stacks:
            probe.append(wire.json_frame(wire.FrameKind.STACKS, {"stacks": self.stacks}))
        directory.rows_path(self.path, "probe", 100).write_bytes(b"".join(probe))
        load = [
            wire.header(200),
            clock,
            *self.load_names.frames,
            wire.client_frame(b"".join(self.client_rows)),
        ]
        if self.load_counters:
            load.append(wire.json_frame(wire.FrameKind.COUNTERS, self.load_counters))
        if self.client_rows:
            directory.rows_path(self.path, "load", 200).write_bytes(b"".join(load))
        if phases:
            self.events.insert(
                0, {"t_ns": START_NS - 10**9, "event": "phase", "phase": "warm-up", "users": 1}
            )
            self.events.insert(
                1, {"t_ns": START_NS - MS, "event": "phase", "phase": "steady", "users": 1}
            )
            self.events.append(
                {"t_ns": self.now_ns + MS, "event": "phase", "phase": "drain", "users": 1}
            )
        for event in self.events:
            directory.append_line(self.path, directory.EVENTS, event)
        for sample in self.samples:
            directory.append_line(self.path, directory.SAMPLES, sample)
        for name, value in self.documents.items():
            directory.write_document(self.path, name, value)
        manifest = {
            "schema_version": 1, "run_id": "r1", "kind": "run", "app": "shop:create_app()",
            "started_at": "2026-01-01T00:00:00+00:00", "status": status, "load": {"users": 1},
        }  # fmt: skip
        directory.write_document(self.path, directory.MANIFEST, manifest)
        return open_recording(self.path)
