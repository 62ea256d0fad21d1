"""Keeps what was asked before the load, as a part of it: the phase "setup".

What a memo answers from the second request on, and what is too slow to be load, shows only there.
"""

import os
from pathlib import Path

from flask_assay.load.plan import Exchange, Journey
from flask_assay.load.recorder import LoadRecorder, open_rows_file
from flask_assay.load.transcript import Said, Transcript
from flask_assay.model.clock import Clock, SystemClock
from flask_assay.model.rows import ClientFlag, ClientRow, Phase

__all__ = ["Looks"]

_PID_BITS = 40  # of a request's id, as load workers number theirs


class Looks:
    """Numbers requests and files how each was answered.

    Args:
        recording: Directory of the recording.
        private: For what was sent, outside of the recording.
        clock: Source of time.
    """

    def __init__(self, recording: Path, private: Path, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        pid = os.getpid()
        self._recorder = LoadRecorder(open_rows_file(recording, pid), clock=self._clock, pid=pid)
        self._transcript = Transcript(private, pid)
        self._last_id = pid << _PID_BITS
        self._began_ns = 0
        self._unanswered_count = 0

    def begin(self) -> int:
        """Note that a request begins, and return its number."""
        self._last_id += 1
        self._began_ns = self._clock.monotonic_ns()
        return self._last_id

    def end(self, journey: Journey, exchange: Exchange, status: int, size: int) -> None:
        """File the request that began last.

        Args:
            journey: Its journey.
            exchange: What was sent.
            status: Of the answer; 0 if there was none.
            size: Bytes of the answer.
        """
        wall_ns = self._clock.monotonic_ns() - self._began_ns
        flags = ClientFlag(0) if status else ClientFlag.NO_RESPONSE
        self._unanswered_count += not status
        row = ClientRow(
            start_ns=self._began_ns,
            due_ns=self._began_ns,
            wall_ns=wall_ns,
            request_id=self._last_id,
            name=journey.rule,
            status=status,
            flags=int(flags | (ClientFlag.FAILED if status >= 400 else ClientFlag(0))),
            phase=Phase.SETUP,
            user=0,
            body_bytes=size,
            exchange_count=1,
            error=f"HTTP {status}" if status >= 400 else "" if status else "no answer in time",
        )
        self._recorder.record(row)
        if status:
            headers, body = tuple(exchange.headers.items()), exchange.body.encode()
            self._transcript.add(
                Said(row.request_id, row.start_ns, journey.method, exchange.path, headers, body,
                     status)
            )  # fmt: skip

    def close(self) -> None:
        """Write what was filed."""
        self._recorder.flush()
        self._recorder.write_counters({"exchanges_unanswered": self._unanswered_count})
        self._transcript.flush()
