"""The byte layout of ``*.rows`` files: framed, append-only, readable up to a tear.

A file is a 16-byte header and frames; a frame is ``kind (u8) · length (u32) · payload``.
Names are interned: a NAME frame precedes the first frame that refers to its id.
All integers are little-endian; times are nanoseconds of the monotonic clock.
"""

import json
from collections.abc import Iterator
from enum import IntEnum
from struct import Struct, pack

__all__ = [
    "CLIENT_ROW",
    "FRAME",
    "HEADER",
    "REQUEST_HEAD",
    "SPAN",
    "FrameKind",
    "client_frame",
    "header",
    "json_frame",
    "name_frame",
    "read_frames",
]

MAGIC = b"ASSAYROW"
WIRE_VERSION = 1

HEADER = Struct("<8sHHI")  # magic, version, reserved, pid
FRAME = Struct("<BI")  # kind, payload length

# start, wall, cpu, request id, body digest, query digest, identity digest,
# route, endpoint, body bytes, dropped spans, span count, status, flags
REQUEST_HEAD = Struct("<QQQQQQQIIIIIHH")

# kind, flags, connection, name, site, detail, start, wall, rows, digest
SPAN = Struct("<BBHIIIQQiI")

# start, due, wall, request id, name, error, user, body bytes, status, flags, phase, exchanges
CLIENT_ROW = Struct("<QQQQIIIIHHBB")


class FrameKind(IntEnum):
    """What a frame holds."""

    NAME = 1  # JSON {"i": id, "k": kind of name, "v": text}
    REQUEST = 2  # REQUEST_HEAD and its SPANs
    CLIENT = 3  # any number of CLIENT_ROWs
    CLOCK = 4  # JSON {"monotonic_ns": …, "unix_ns": …}
    COUNTERS = 5  # JSON, the process's own counters so far; the last one counts
    STACKS = 6  # JSON {"stacks": {"endpoint;frame;frame": samples}}, to be added up


def header(pid: int) -> bytes:
    """Return the 16 bytes that open a rows file."""
    return HEADER.pack(MAGIC, WIRE_VERSION, 0, pid)


def frame(kind: FrameKind, payload: bytes) -> bytes:
    """Return one frame."""
    return FRAME.pack(kind, len(payload)) + payload


def json_frame(kind: FrameKind, value: object) -> bytes:
    """Return one frame with a JSON payload."""
    return frame(kind, json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())


def name_frame(name_id: int, kind: str, text: str) -> bytes:
    """Return the frame that binds a name to its id; id 0 is always the empty name."""
    return json_frame(FrameKind.NAME, {"i": name_id, "k": kind, "v": text})


def client_frame(rows: bytes) -> bytes:
    """Return one frame of concatenated ``CLIENT_ROW`` records."""
    return frame(FrameKind.CLIENT, rows)


def request_frame(head: tuple[int, ...], spans: list[int], span_count: int) -> bytes:
    """Return one request with its spans.

    Args:
        head: The fields of ``REQUEST_HEAD`` in order.
        spans: The ten fields of each span, one after another, flat.
        span_count: Number of spans.
    """
    payload = REQUEST_HEAD.pack(*head) + pack("<" + "BBHIIIQQiI" * span_count, *spans)
    return FRAME.pack(FrameKind.REQUEST, len(payload)) + payload


def read_frames(data: bytes) -> Iterator[tuple[int, memoryview]]:
    """Yield (kind, payload) of each whole frame; stop without complaint at a tear.

    Raises:
        ValueError: If the file does not start with a header of this version.
    """
    if len(data) < HEADER.size:
        return
    magic, version, _, _ = HEADER.unpack_from(data)
    if magic != MAGIC or version != WIRE_VERSION:
        raise ValueError(f"not a rows file of version {WIRE_VERSION}: starts with {data[:10]!r}")
    view, at, end = memoryview(data), HEADER.size, len(data)
    while at + FRAME.size <= end:
        kind, length = FRAME.unpack_from(data, at)
        at += FRAME.size
        if at + length > end:
            return
        yield kind, view[at : at + length]
        at += length
