"""Frames go to a file of the process: buffered, bounded, and never in the way of a request.

Nothing is opened or started before the process serves a request of its own, so that a server
may fork at any time before.
"""

import atexit
import os
from collections import deque
from collections.abc import Callable
from pathlib import Path
from threading import Event, Lock, Thread

from flask_assay.recording.directory import rows_path
from flask_assay.recording.wire import header

__all__ = ["FLUSH_AGE_S", "Sink"]

FLUSH_AGE_S = 0.2  # a row is on its way to the disk after this time
FLUSH_ROWS = 1_000  # a request that brings the buffer there writes it itself
MAX_ROWS = 4_000  # beyond, rows are dropped and counted


class Sink:
    """Appends frames to ``probe-<pid>.rows``.

    Attributes:
        rows: Frames that are to be written, one a request; the same object always.
        taken: Rows that were there before, written or dropped.
        dropped_frames: Rows that were lost.
        last_error: Why the last write failed.

    Args:
        directory: Of the recording.
        opening: Returns what a file begins with, names included. Called again after a write
            failed, since names may have been lost with it.
        closing: Returns what is to end a write (background work, counters); told whether there
            are frames to write, it may return nothing if not.
    """

    def __init__(
        self, directory: Path, opening: Callable[[], bytes], closing: Callable[[bool], bytes]
    ) -> None:
        self._directory = directory
        self._opening = opening
        self._closing = closing
        self.rows: deque[bytes] = deque()
        self.reset()
        atexit.register(self.close)

    def reset(self) -> None:
        """Begin anew in a forked process: what is pending is the parent's to write."""
        inherited = getattr(self, "_file", -1)
        if inherited >= 0:
            os.close(inherited)
        self._names: deque[bytes] = deque()
        self.rows.clear()
        self.taken = 0
        self._lock = Lock()
        self._thread: Thread | None = None
        self._stop = Event()
        self._file = -1
        self._is_opened = False
        self.dropped_frames = 0
        self.last_error = ""

    @property
    def is_closing(self) -> bool:
        """Whether what is written now is the last."""
        return self._stop.is_set()

    def append_name(self, frame: bytes) -> None:
        """Take a frame that others depend on: never dropped, bounded by the caps on names."""
        self._names.append(frame)

    def start(self) -> None:
        """From now on a thread writes what is pending: a request is being served."""
        with self._lock:
            if self._thread is None:
                self._thread = Thread(target=self._run, name="flask-assay-sink", daemon=True)
                try:
                    self._thread.start()
                except RuntimeError as error:  # the interpreter is shutting down
                    self.last_error = str(error)

    def relieve(self) -> None:
        """Write what is pending; if that is under way and too much is, lose the last row."""
        if len(self.rows) > MAX_ROWS and self._lock.locked():
            self.rows.pop()
            self.taken += 1
            self.dropped_frames += 1
        else:
            self.flush()

    def flush(self) -> None:
        """Write what is pending; a flush that is under way elsewhere suffices."""
        if self._lock.acquire(blocking=False):
            try:
                self._write_pending()
            finally:
                self._lock.release()

    def close(self) -> None:
        """Write what is pending, stop the thread, close the file."""
        atexit.unregister(self.close)
        self._stop.set()
        with self._lock:
            self._write_pending()
            if self._file >= 0:
                os.close(self._file)
                self._file = -1

    def _run(self) -> None:
        stop = self._stop
        while not stop.wait(FLUSH_AGE_S):
            self.flush()

    def _write_pending(self) -> None:
        names, rows = self._names, self.rows
        # Before the names, since a row follows the names it refers to.
        frames = [rows.popleft() for _ in range(len(rows))]
        taken = len(frames)
        self.taken += taken
        closing = self._closing(bool(taken or names))
        frames[:0] = [names.popleft() for _ in range(len(names))]
        if not frames and not closing:
            return
        try:
            if self._file < 0:
                self._file = self._open()
            opening = b"" if self._is_opened else self._opening()
            self._write(b"".join((opening, *frames, closing)))
            self._is_opened = True
        except OSError as error:  # a full disk must not end the app; the loss is counted
            self._is_opened = False
            self.dropped_frames += taken
            self.last_error = f"{type(error).__name__}: {error}"

    def _open(self) -> int:
        path = rows_path(self._directory, "probe", os.getpid())
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if not os.fstat(file).st_size:
            os.write(file, header(os.getpid()))
        return file

    def _write(self, data: bytes) -> None:
        size = os.fstat(self._file).st_size
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(self._file, view) :]
        except OSError:
            # Half a frame would hide all that follow it.
            os.ftruncate(self._file, size)
            raise
