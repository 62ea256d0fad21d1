"""Writes ``load-<pid>.rows``: one row per request as the client saw it, nothing rounded."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from flask_assay.model.clock import Clock
from flask_assay.model.rows import ClientRow
from flask_assay.recording import wire
from flask_assay.recording.directory import rows_path

__all__ = ["LoadRecorder", "open_rows_file"]

NAME_LIMIT = 4_000
OTHER = "(other)"
U8, U16, U32 = 0xFF, 0xFFFF, 0xFFFF_FFFF


class LoadRecorder:
    """Turns client rows into frames.

    Rows are kept until ``flush``; a reader of the file sees whole frames only.

    Args:
        write: Takes bytes and has them written when it returns.
        clock: Gives the pair of stamps that ties monotonic to wall-clock time.
        pid: Process that makes the load.
        name_limit: Distinct names kept apart; what comes after is "(other)", so that a
            million URLs do not become a million names.
    """

    def __init__(
        self,
        write: Callable[[bytes], None],
        *,
        clock: Clock,
        pid: int,
        name_limit: int = NAME_LIMIT,
    ) -> None:
        self._write = write
        self._names: dict[str, int] = {"": 0}
        self._name_limit = name_limit
        self._new_names = bytearray()
        self._rows = bytearray()
        self.row_count = 0
        stamps = {"monotonic_ns": clock.monotonic_ns(), "unix_ns": clock.unix_ns()}
        write(wire.header(pid) + wire.json_frame(wire.FrameKind.CLOCK, stamps))

    def record(self, row: ClientRow) -> None:
        """Keep one row for the next flush; counts beyond a field's width are capped."""
        self._rows += wire.CLIENT_ROW.pack(
            row.start_ns,
            row.due_ns,
            row.wall_ns,
            row.request_id,
            self._name_id(row.name, "name"),
            self._name_id(row.error, "error"),
            row.user & U32,
            min(row.body_bytes, U32),
            row.status & U16,
            row.flags,
            row.phase,
            min(row.exchange_count, U8),
        )
        self.row_count += 1

    def flush(self) -> None:
        """Write what was recorded since the last flush, names before the rows that use them."""
        if not self._rows:
            return
        data = bytes(self._new_names) + wire.client_frame(bytes(self._rows))
        self._new_names.clear()
        self._rows.clear()
        self._write(data)

    def write_counters(self, counters: Mapping[str, object]) -> None:
        """Write the worker's own counts so far; the last ones written are valid."""
        self._write(wire.json_frame(wire.FrameKind.COUNTERS, dict(counters)))

    def _name_id(self, text: str, kind: str) -> int:
        known = self._names.get(text)
        if known is not None:
            return known
        if len(self._names) >= self._name_limit and text != OTHER:
            return self._name_id(OTHER, kind)
        number = self._names[text] = len(self._names)
        self._new_names += wire.name_frame(number, kind, text)
        return number


def open_rows_file(directory: Path, pid: int) -> Callable[[bytes], None]:
    """Create the rows file of a load worker and return what appends to it.

    The file stays open as long as the process; each call returns after the kernel has
    the bytes, so that killing the process loses none of them.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    descriptor = os.open(rows_path(directory, "load", pid), flags, 0o600)

    def write(data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]

    return write
