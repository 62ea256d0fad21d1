"""The ladder in words: one row per rung, the same in every report."""

from collections.abc import Sequence
from dataclasses import dataclass

from flask_assay.model.effect import Ladder, Rung
from flask_assay.report import figures

__all__ = ["HEAD", "Row", "lead", "rows"]

HEAD = ("Remedies so far", "Time", "Interval", "SQL", "Adds", "Alone")


@dataclass(frozen=True, slots=True)
class Row:
    """One rung.

    Attributes:
        name: What it adds; of the first row, what it starts from.
        share: Its time as a share of the unchanged time, for a bar.
        time: Mean time per request so far.
        interval: Its interval.
        statements: Mean SQL statements per request so far.
        change: Against the rung below.
        alone: What the remedy saves alone.
        rung: Where it comes from; None for the first row.
    """

    name: str
    share: float
    time: str
    interval: str
    statements: str
    change: str
    alone: str
    rung: Rung | None = None

    def cells(self) -> tuple[str, ...]:
        """Return the cells under ``HEAD``."""
        return (self.name, self.time, self.interval, self.statements, self.change, self.alone)


def lead(ladder: Ladder) -> str:
    """Return what the figures are."""
    what = figures.plural(len(ladder.routes), "route")
    launches = figures.plural(ladder.launch_count, "launch", "launches")
    return (
        f"Mean time per request over {what}, each as often as the load asked for it, with one "
        f"remedy after the other; {figures.percent(ladder.level)} intervals over {launches}. "
        f"Measured together: savings do not add up. {ladder.note}"
    ).rstrip()


def rows(ladder: Ladder) -> Sequence[Row]:
    """Return the unchanged app and its rungs."""
    first = Row(
        "unchanged",
        1.0,
        figures.seconds(ladder.before_s),
        "",
        _statements(ladder.statements_before),
        "",
        "",
    )
    return [first, *(_row(rung, ladder.before_s) for rung in ladder.rungs)]


def _row(rung: Rung, before_s: float) -> Row:
    simulated = " (simulated rewrite)" if rung.is_simulated else ""
    return Row(
        f"+ {rung.summary.rstrip('.')}{simulated}",
        min(1.0, max(0.0, rung.time_s / before_s)) if before_s > 0 else 0.0,
        figures.seconds(rung.time_s),
        figures.interval(rung.low_s, rung.high_s),
        _statements(rung.statements),
        figures.change(rung.change_s),
        figures.change(rung.alone_s),
        rung,
    )


def _statements(value: float | None) -> str:
    return figures.NOTHING if value is None else figures.number(value)
