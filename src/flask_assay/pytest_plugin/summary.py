"""One section at the end of the run: what was noticed, test by test."""

from pathlib import Path
from typing import Any

from flask_assay.sandbox.checkout import Checkin
from flask_assay.sandbox.signals import Signal

__all__ = ["Summary"]


class Summary:
    """Counts and lines for the terminal; those of xdist's workers are merged."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {
            "rollback": 0,
            "clone": 0,
            "statements": 0,
            "untouched": 0,
            "rebuilds": 0,
        }
        self.lines: list[str] = []

    def ran(self, test: str, result: Checkin) -> None:
        """Note one attempt."""
        self.counts[result.gear] += 1
        self.counts["statements"] += result.statements
        if result.gear == "rollback" and not result.messages:
            self.counts["untouched"] += 1

    def written(self, test: str, path: str) -> None:
        """Note where a failed test's database was written."""
        self.lines.append(
            f"kept      {test}\n            flask assay kept {Path(path).stem}\n"
            f"            or in a PostgreSQL of yours: createdb kept && psql kept -f {path}"
        )

    def changed(self, test: str, signal: Signal) -> None:
        """Note that a test was run again on a clone."""
        self.lines.append(f"clone     {test}\n            {signal}")

    def leaked(self, test: str, signal: Signal) -> None:
        """Note that a test leaked."""
        self.lines.append(f"LEAK      {test}\n            {signal}")

    def late(self, test: str, text: str) -> None:
        """Note that another test's work disturbed this one."""
        self.lines.append(f"late      {test}\n            {text}")

    def doubted(self, test: str, signal: Signal) -> None:
        """Note a doubt that was confirmed earlier or is not to be confirmed."""
        self.counts["doubts"] = self.counts.get("doubts", 0) + 1

    def to_json(self) -> dict[str, Any]:
        """Return it as data that a worker can send."""
        return {"counts": self.counts, "lines": self.lines}

    def merge(self, data: dict[str, Any]) -> None:
        """Add what a worker sent."""
        for name, count in data["counts"].items():
            self.counts[name] = self.counts.get(name, 0) + count
        self.lines += data["lines"]

    def write(self, reporter: Any, *, verbose: bool) -> None:
        """Write the section; nothing if there is nothing to say."""
        if not self.lines and not verbose:
            return
        reporter.section("assay", sep="-")
        reporter.line(
            f"{self.counts['rollback']} in the rollback gear "
            f"({self.counts['untouched']} of them without the database), "
            f"{self.counts['clone']} on clones"
        )
        if self.counts.get("rebuilds"):
            reporter.line(f"{self.counts['rebuilds']} calls of create_all and drop_all sent no DDL")
        for line in self.lines:
            reporter.line(line)
