"""How long a test session takes to its first test, with our plugin and without it.

    python -m benchmarks.warm_start [--runs 9] [--tables 20]

A warm start: the template was built by an earlier session. pytest runs the same small suite in a
process of its own, way after way, round after round. Two moments are taken, both from the start
of that process: "test" is when the body of the first test begins, "answer" is when its first
query has been answered. "end" is what passes between the last test and the end of the process.
The floor is the same suite without our plugin, on a PostgreSQL that runs already and has the
schema. "Added" is ours minus the floor of the same round; processor seconds are those of pytest
and all its children, our server among them.
"""

import argparse
import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.isolation import real_server
from benchmarks.suite_speed import APP

CONFTEST = """
import json
import os
import time

import pytest
from app import create_app, db

MOMENTS = {}


def moment(name):
    MOMENTS.setdefault(name, time.monotonic())


@pytest.fixture(scope="session")
def app():
    return create_app()


@pytest.fixture
def session(app):
    with app.app_context():
        yield db.session


def pytest_unconfigure():
    moment("over")
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    with open(f"{os.environ['START_MOMENTS']}.{worker}", "w") as file:
        json.dump(MOMENTS, file)
"""

TESTS = """
import pytest
from app import Author
from conftest import moment


@pytest.mark.parametrize("turn", range(4))
def test_an_author(session, turn):
    moment("test")
    assert session.query(Author).count() == 0
    moment("answer")
    session.add(Author(name="somebody"))
    session.flush()
    session.rollback()
"""

OURS = ["-p", "flask_assay.pytest_plugin", "-o", "assay_app=app:create_app"]
XDIST = ["-p", "xdist.plugin", "-n", "2"]
NAMES = ("test", "answer", "end", "whole", "cpu")


@dataclass
class Way:
    """One way to run the suite.

    Attributes:
        name: For the table.
        arguments: Of pytest.
        floor: The way that it is compared with; None for a floor.
        url: Of its database; "" where that is rerouted.
        seconds: Per moment, one value a round.
    """

    name: str
    arguments: list[str]
    floor: "Way | None" = None
    url: str = ""
    seconds: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in NAMES})

    def run(self, directory: Path, tables: int) -> None:
        variables = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "ASSAY_"))}
        variables.pop("PYTHONDONTWRITEBYTECODE", None)
        variables |= {
            "SUITE_TABLES": str(tables),
            "START_MOMENTS": str(directory / "moments"),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        }
        if self.url:
            variables["SUITE_URL"] = self.url
        command = [sys.executable, "-m", "pytest", "-q", *self.arguments]
        start, busy = time.monotonic(), _processor_s()
        done = subprocess.run(
            command,
            cwd=directory,
            env=variables,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        whole = time.monotonic() - start
        if done.returncode:
            raise SystemExit(f"{self.name}:\n{done.stdout[-3000:]}{done.stderr[-2000:]}")
        found = [json.loads(path.read_text()) for path in directory.glob("moments.*")]
        for path in directory.glob("moments.*"):
            path.unlink()
        tested = [one for one in found if "answer" in one]
        self.seconds["test"].append(min(one["test"] for one in tested) - start)
        self.seconds["answer"].append(min(one["answer"] for one in tested) - start)
        self.seconds["end"].append(start + whole - max(one["answer"] for one in tested))
        self.seconds["whole"].append(whole)
        self.seconds["cpu"].append(_processor_s() - busy)

    def forget(self) -> None:
        for values in self.seconds.values():
            values.clear()

    def added(self, name: str) -> list[float]:
        """Return what this way adds to its floor, round by round."""
        if self.floor is None:
            return []
        pairs = zip(self.seconds[name], self.floor.seconds[name], strict=True)
        return [ours - floor for ours, floor in pairs]


def _processor_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def write_suite(directory: Path) -> None:
    (directory / "app.py").write_text(APP)
    (directory / "conftest.py").write_text(CONFTEST)
    (directory / "test_authors.py").write_text(TESTS)
    (directory / "pytest.ini").write_text("[pytest]\npythonpath = .\n")


def all_ways(url: str) -> list[Way]:
    floor = Way("floor, a server that runs", [], url=url)
    floor_2 = Way("floor, -n 2", XDIST, url=url)
    return [floor, Way("ours", OURS, floor), floor_2, Way("ours, -n 2", [*OURS, *XDIST], floor_2)]


def report(ways: list[Way]) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    print(f"{'milliseconds: median (fastest … slowest)':<42}" + "".join(f"{n:>22}" for n in NAMES))
    for way in ways:
        found[way.name] = {name: statistics.median(way.seconds[name]) for name in NAMES}
        print(f"{way.name:<42}" + "".join(_cell(way.seconds[name]) for name in NAMES))
        if way.floor is not None:
            found[f"{way.name}, added"] = {n: statistics.median(way.added(n)) for n in NAMES}
            print(f"{'  added':<42}" + "".join(_cell(way.added(name)) for name in NAMES))
    return found


def _cell(seconds: list[float]) -> str:
    low, middle, high = min(seconds), statistics.median(seconds), max(seconds)
    return f"{middle * 1e3:>9.0f} ({low * 1e3:.0f} … {high * 1e3:.0f})".rjust(22)


def make_schema(directory: Path, url: str, tables: int) -> None:
    code = "import app\nwith app.create_app().app_context(): app.db.create_all()"
    variables = {**os.environ, "SUITE_URL": url, "SUITE_TABLES": str(tables)}
    subprocess.run([sys.executable, "-c", code], cwd=directory, env=variables, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--tables", type=int, default=20)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    with contextlib.ExitStack() as stack:
        _, postgres = stack.enter_context(real_server())
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="start-")))
        write_suite(directory)
        plain = postgres.create_database("plain")
        url = postgres.url(plain, driver="psycopg2")
        make_schema(directory, url, chosen.tables)
        ways = all_ways(url)
        for way in ways:  # the first builds the template, and whoever is first compiles
            way.run(directory, chosen.tables)
            way.forget()
        for _ in range(chosen.runs):
            for way in ways:
                way.run(directory, chosen.tables)
    load = " ".join(f"{one:.1f}" for one in os.getloadavg())
    print(f"{chosen.tables} tables, {chosen.runs} rounds, load {load}\n")
    found = report(ways)
    if chosen.json:
        chosen.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
