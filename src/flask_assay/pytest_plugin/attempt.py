"""One run of a test in one gear, and how a leak shows in its report."""

from dataclasses import dataclass

import pytest

from flask_assay.pytest_plugin.children import CHILD
from flask_assay.pytest_plugin.strict import UNDECLARED
from flask_assay.sandbox.checkout import Checkin, Gear
from flask_assay.sandbox.signals import Signal, SignalKind

__all__ = ["Attempt", "as_leak"]

_LEFT = (
    "What the statement wrote is out of the rollback's reach. The database is replaced\n"
    'before the next test. @pytest.mark.assay(gear="clone") gives this test its own.'
)
_UNDECLARED = (
    "assay_strict is set. Ask for the fixture assay_db or db, or mark the test:\n"
    "    @pytest.mark.assay()"
)


@dataclass(frozen=True)
class Attempt:
    """One run of a test in one gear."""

    gear: Gear
    reports: list[pytest.TestReport]
    result: Checkin

    @property
    def failed(self) -> bool:
        """Whether any phase failed."""
        return any(report.failed for report in self.reports)

    def first(self, kind: SignalKind) -> Signal | None:
        """Return the first signal of a kind."""
        return next((one for one in self.result.signals if one.kind is kind), None)

    @property
    def doubt(self) -> Signal | None:
        """Return what speaks against the outcome, if anything does."""
        found = self.first(SignalKind.DOUBT)
        if found is not None and found.reason == CHILD and not self.result.statements:
            found = None  # nothing that a child process could have missed
        if found is None and self.failed:
            found = self.first(SignalKind.DOUBT_IF_FAILED)
        return found


def as_leak(attempt: Attempt, leak: Signal) -> Attempt:
    """Make sure that a leak fails the test, even if the app swallowed the error."""
    if attempt.failed:
        return attempt
    report = next((one for one in attempt.reports if one.when == "call"), attempt.reports[-1])
    report.outcome = "failed"
    is_undeclared = leak.reason == UNDECLARED
    title = "UndeclaredDatabase" if is_undeclared else "IsolationLeak"
    report.longrepr = (
        f"{title}: {leak.text}\n\n"
        f"  statement  {leak.statement or 'unknown'}\n"
        f"  sent at    {leak.site or 'unknown'}, thread {leak.thread or 'unknown'}\n\n"
        f"{_UNDECLARED if is_undeclared else _LEFT}"
    )
    return attempt
