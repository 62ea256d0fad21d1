"""Where every finished request ends: in the rows, the live figures and the transcript."""

from collections.abc import Mapping
from random import Random

from flask_assay.load.histogram import LiveStatistics
from flask_assay.load.plan import LoadPlan
from flask_assay.load.recorder import LoadRecorder
from flask_assay.load.schedule import ArrivalQueue, arrival_times
from flask_assay.load.transcript import Said, Transcript
from flask_assay.load.worker.calls import BODY_LIMIT, CallBook, Sent
from flask_assay.model.clock import Clock
from flask_assay.model.rows import ClientFlag, ClientRow, Phase

__all__ = ["Desk"]

ARRIVAL = "(arrival)"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Desk:
    """Takes finished requests and files them.

    Args:
        plan: Says whether what was sent is kept, and where.
        recorder: Writes the rows.
        clock: Where time comes from.
        pid: Of this worker.
    """

    def __init__(self, plan: LoadPlan, recorder: LoadRecorder, *, clock: Clock, pid: int) -> None:
        self._plan = plan
        self._recorder = recorder
        self._clock = clock
        self._pid = pid
        self._transcript = Transcript(plan.private_dir, pid) if plan.private_dir else None
        self.book = CallBook(self._file, clock=clock, pid=pid)
        self.live = LiveStatistics()
        self.arrivals: ArrivalQueue | None = None
        self.censored_count = 0
        self.steady_start_ns = 0

    def begin_arrivals(self, start_ns: int, end_ns: int) -> None:
        """Open the schedule of the open model; the closed model has none."""
        if self._plan.model == "open" and self._plan.rate is not None:
            times = arrival_times(
                self._plan.rate,
                spacing=self._plan.arrivals,
                start_ns=start_ns,
                random=Random(self._plan.seed),
            )
            self.arrivals = ArrivalQueue(times, end_ns=end_ns)

    def schedule(self) -> ArrivalQueue:
        """Return the open schedule, which exists once the users start."""
        assert self.arrivals is not None
        return self.arrivals

    def flush(self) -> None:
        """Write the rows so far, and report calls that nobody asked about."""
        self.book.close_abandoned()
        self._recorder.flush()
        if self._transcript is not None:
            self._transcript.flush()

    def end_arrivals(self) -> list[int]:
        """End the schedule and return the due times that no user came to."""
        if self.arrivals is None:
            return []
        return self.arrivals.close(self._clock.monotonic_ns())

    def finish(self, unstarted: list[int]) -> None:
        """Report what is open, censor what never started, write what is left."""
        self.book.close_all()
        returned = self.end_arrivals()
        now = self._clock.monotonic_ns()
        for due in sorted([*unstarted, *returned]):
            self._recorder.record(self._censored(due, now))
        self.censored_count = len(unstarted) + len(returned)
        self._recorder.flush()
        if self._transcript is not None:
            self._transcript.flush()

    def write_counters(self, more: Mapping[str, object]) -> None:
        """Write the counts by which a reader checks that nothing was lost."""
        book = self.book
        self._recorder.write_counters(
            {
                "requests": self.live.request_count,
                "failures": self.live.failure_count,
                "exchanges": book.exchange_count,
                "exchanges_unanswered": book.unanswered_count,
                "reconnects": book.reconnect_count,
                "arrivals_started": self.arrivals.taken_count if self.arrivals else 0,
                "arrivals_censored": self.censored_count,
                "failure_groups": self.live.top_failures(50),
                **more,
            }
        )

    def _file(self, row: ClientRow, sent: Sent | None) -> None:
        self._recorder.record(row)
        self.live.add(row.start_ns + row.wall_ns, row.wall_ns, row.name, row.error)
        if self._transcript is not None and sent is not None and _can_be_repeated(row, sent):
            self._transcript.add(_said(row, sent))

    def _censored(self, due_ns: int, now_ns: int) -> ClientRow:
        return ClientRow(
            start_ns=now_ns,
            due_ns=due_ns,
            wall_ns=max(0, now_ns - due_ns),
            request_id=0,
            name=ARRIVAL,
            status=0,
            flags=int(ClientFlag.CENSORED),
            phase=Phase.STEADY if due_ns >= self.steady_start_ns else Phase.WARM_UP,
            user=0,
            body_bytes=0,
            exchange_count=0,
            error="",
        )


def _can_be_repeated(row: ClientRow, sent: Sent) -> bool:
    """Whether what was sent first stands for the row; after a redirect only what it wrote does."""
    is_first = not row.flags & ClientFlag.REDIRECTED
    return len(sent.body) <= BODY_LIMIT and (is_first or sent.method not in _SAFE)


def _said(row: ClientRow, sent: Sent) -> Said:
    headers = tuple(sent.headers.items())
    return Said(
        row.request_id,
        row.start_ns,
        sent.method,
        sent.path,
        headers,
        sent.body,
        row.status,
        sent.heard,
    )
