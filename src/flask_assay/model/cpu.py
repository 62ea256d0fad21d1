"""CPU of requests: the thread's clock is read for those that do not follow closely on another."""

from collections.abc import Collection, Iterable

from flask_assay.model.rows import RequestRow

__all__ = ["mean_cpu_ns", "total_cpu_ns"]


def mean_cpu_ns(rows: Iterable[RequestRow]) -> float:
    """Return the mean nanoseconds over the requests whose CPU was read; 0 if of none."""
    read = [row.cpu_ns for row in rows if row.cpu_ns]
    return sum(read) / len(read) if read else 0.0


def total_cpu_ns(rows: Collection[RequestRow]) -> float:
    """Return the nanoseconds of all: each without a reading counts as the mean of the others.

    Which requests were read depends on when they began, not on what they did. Give rows of one
    route, so that the mean is one of like requests.
    """
    return mean_cpu_ns(rows) * len(rows)
