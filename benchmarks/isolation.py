"""What isolating one test costs, ours beside the usual ways, in one run.

    python -m benchmarks.isolation [--tables 20 100] [--rounds 60] [--driver psycopg2]

Prints microseconds per test (median, p95) of set-up + body + tear-down, and the cost that is
added to the body alone. Hot and cold differ several times on a shared machine: read the ratios.
"""

import argparse
import contextlib
import gc
import importlib
import json
import statistics
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter_ns, sleep

import sqlalchemy as sa
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from flask_assay.sandbox.admin import ServerAddress
from flask_assay.sandbox.attach import Attachment
from flask_assay.sandbox.checkout import Template
from flask_assay.sandbox.facts import read_facts
from flask_assay.sandbox.sandbox import Sandbox
from flask_assay.services.postgres import provision_postgres
from flask_assay.services.run_dir import RunDirectory
from flask_assay.services.supervisor import Supervisor

BATCH = 6
"""Tests of one way in a row, before the next way has its turn."""


def make_metadata(tables: int) -> sa.MetaData:
    metadata = sa.MetaData()
    for number in range(tables):
        sa.Table(
            f"t{number}",
            metadata,
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("name", sa.String(50), index=number % 2 == 0),
            *([sa.Column("parent", sa.ForeignKey(f"t{number - 1}.id"))] if number else []),
        )
    return metadata


@dataclass
class Way:
    """One way to isolate tests.

    Attributes:
        name: For the table.
        test: Runs one test, isolation included.
        slow: Measured with fewer tests.
        is_ours: Its connections are the sandbox's.
        prepare: Called before each test, outside of its time.
    """

    name: str
    test: Callable[[], None]
    slow: bool = False
    is_ours: bool = False
    prepare: Callable[[], None] = lambda: None
    times: list[int] = field(default_factory=list)


def insert(connection) -> None:
    connection.execute(sa.text("INSERT INTO t0 (name) VALUES ('x')"))
    connection.commit()


class Orm:
    """A typical request: three commits, two of them after reads."""

    def __init__(self, metadata: sa.MetaData) -> None:
        registry = sa.orm.registry(metadata=metadata)
        self.kind = type("T0", (), {})
        registry.map_imperatively(self.kind, metadata.tables["t0"])

    def request(self, bind, **named) -> None:
        with Session(bind, **named) as session:
            one = self.kind()
            one.name = "ann"
            session.add(one)
            session.commit()
            one.name = one.name + "!"
            session.commit()
            session.execute(sa.select(self.kind).where(self.kind.id == one.id)).scalars().all()
            session.commit()


class Elsewhere:
    """Leaves every connection as it is: for the ways that are not ours."""

    epoch = "elsewhere"

    def __init__(self, attachment: Attachment) -> None:
        self._originals = attachment.originals

    def connect(self, driver, source, *, is_pooled):
        return self._originals[driver](**{k: v for k, v in source.items() if v is not None})

    def is_current(self, connection):
        return True

    def checked_out(self, connection):
        pass

    def used_session(self, session):
        pass

    def rebuilt(self, name, metadata, arguments):
        return False


def measure(ways: list[Way], rounds: int, sandbox: Sandbox) -> None:
    """Interleave batches, so that a busy moment hits every way alike."""
    elsewhere = Elsewhere(sandbox.attachment)
    for number in range(-BATCH, rounds, BATCH):
        for way in ways:
            if way.slow and number % (BATCH * 5) and number >= 0:
                continue
            target = sandbox if way.is_ours else elsewhere
            gc.collect()
            with sandbox.attachment.aimed_at(target):
                for _ in range(2 if way.slow else BATCH):
                    way.prepare()
                    start = perf_counter_ns()
                    way.test()
                    if number >= 0:
                        way.times.append(perf_counter_ns() - start)


def ours(sandbox: Sandbox, engine, orm: Orm) -> list[Way]:
    def around(body: Callable[[], None], gear: str = "rollback") -> Callable[[], None]:
        def test() -> None:
            sandbox.checkout("test", gear=gear)
            body()
            sandbox.checkin()

        return test

    def one_insert() -> None:
        with engine.connect() as connection:
            insert(connection)

    def request() -> None:
        orm.request(engine)

    def wait() -> None:
        sandbox.place({})

    def in_stock() -> None:
        """As in a suite whose other tests leave the pool time to refill."""
        for _ in range(500):
            if any(stock.qsize() for stock in sandbox.pool._stock.values()):
                return
            sleep(0.01)

    return [
        Way("ours, no database", around(lambda: None), is_ours=True),
        Way("ours, one insert", around(one_insert), is_ours=True),
        Way("ours, ORM request", around(request), is_ours=True),
        Way("ours, wait for a warm clone", around(wait, "clone"), True, True, in_stock),
        Way("ours, warm clone, ORM request", around(request, "clone"), True, True, in_stock),
        Way("ours, clones in a row, ORM request", around(request, "clone"), True, True),
    ]


def recipes(engine, orm: Orm, metadata: sa.MetaData) -> list[Way]:
    def plain() -> None:
        orm.request(engine)

    def one_insert() -> None:
        with engine.connect() as connection:
            insert(connection)

    def recipe() -> None:
        with engine.connect() as connection:
            outer = connection.begin()
            orm.request(connection, join_transaction_mode="create_savepoint")
            outer.rollback()

    def django() -> None:
        with engine.connect() as connection:
            outer = connection.begin()
            inner = connection.begin_nested()
            orm.request(connection, join_transaction_mode="create_savepoint")
            inner.rollback()
            outer.rollback()

    def delete_all() -> None:
        orm.request(engine)
        with engine.begin() as connection:
            for table in reversed(metadata.sorted_tables):
                connection.execute(table.delete())

    names = ", ".join(metadata.tables)

    def truncate() -> None:
        orm.request(engine)
        with engine.begin() as connection:
            connection.execute(sa.text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))

    def recreate() -> None:
        metadata.drop_all(engine)
        metadata.create_all(engine)
        orm.request(engine)

    return [
        Way("nothing, one insert", one_insert),
        Way("nothing, ORM request", plain),
        Way("SQLAlchemy recipe, ORM request", recipe),
        Way("atomic in atomic (as pytest-django)", django),
        Way("DELETE of all tables", delete_all),
        Way("TRUNCATE of all tables", truncate, slow=True),
        Way("drop_all + create_all", recreate, slow=True),
    ]


def sqlite(metadata: sa.MetaData, orm: Orm) -> Way:
    def test() -> None:
        engine = create_engine("sqlite://")  # by its own name: attached, the module's is ours
        metadata.create_all(engine)
        orm.request(engine)
        engine.dispose()

    return Way("SQLite in memory + create_all", test, slow=True)


def cold_clone(sandbox: Sandbox, template: Template, url: str, orm: Orm, driver: str) -> Way:
    numbers = iter(range(10_000))

    def connect(name: str) -> object:
        place = sandbox.server.place(sandbox.server.database(name))
        return sandbox.attachment.originals[driver](**place.parameters())

    def test() -> None:
        db = sandbox.admin.clone(template.db, f"cold_{next(numbers)}")
        engine = sa.create_engine(url, creator=lambda: connect(db.name))
        orm.request(engine)
        engine.dispose()
        sandbox.admin.drop(db)

    return Way("clone per test, cold, no pool", test, slow=True)


def p95(times: list[int]) -> float:
    return sorted(times)[min(len(times) - 1, int(len(times) * 0.95))]


def report(ways: list[Way], tables: int) -> dict:
    median = {way.name: statistics.median(way.times) / 1000 for way in ways}
    bodies = {"one insert": median["nothing, one insert"], "ORM": median["nothing, ORM request"]}
    print(
        f"\n{tables} tables{'':<30}{'n':>6}{'fastest µs':>12}{'median µs':>12}{'p95 µs':>12}"
        f"{'added µs':>12}{'x ours':>9}"
    )
    base = median["ours, ORM request"]
    rows = {}
    for way in ways:
        body = bodies["one insert"] if "insert" in way.name else bodies["ORM"]
        if way.name in ("ours, no database", "ours, wait for a warm clone"):
            body = 0.0
        added = median[way.name] - body
        ratio = median[way.name] / base
        rows[way.name] = {
            "median_us": median[way.name],
            "p95_us": p95(way.times) / 1000,
            "added_us": added,
            "fastest_us": min(way.times) / 1000,
            "n": len(way.times),
        }
        print(
            f"{way.name:<40}{len(way.times):>6}{min(way.times) / 1000:>12.0f}"
            f"{median[way.name]:>12.0f}{p95(way.times) / 1000:>12.0f}"
            f"{added:>12.0f}{ratio:>9.1f}"
        )
    return rows


@contextlib.contextmanager
def real_server() -> Iterator[tuple[ServerAddress, object]]:
    with tempfile.TemporaryDirectory(prefix="assay-b-") as base:
        Path(base).chmod(0o711)
        with RunDirectory.create(Path(base) / "b") as run, Supervisor(run) as supervisor:
            postgres = provision_postgres(supervisor, purpose="tests")
            yield (
                ServerAddress(
                    str(postgres.socket_dir),
                    postgres.port,
                    run.nonce,
                    postgres.system_identifier,
                    run.run_id,
                ),
                postgres,
            )


def compare(server: ServerAddress, postgres, driver: str, tables: int, rounds: int) -> dict:
    metadata = make_metadata(tables)
    orm = Orm(metadata)
    plain = postgres.create_database(f"plain_{tables}")
    db = postgres.create_database(f"template_{tables}")
    engine = sa.create_engine(postgres.url(plain, driver=driver))
    for owned in (plain, db):
        maker = sa.create_engine(postgres.url(owned, driver=driver))
        metadata.create_all(maker)
        maker.dispose()
    ways = recipes(engine, orm, metadata)

    attachment = Attachment()
    original = importlib.import_module(driver).connect
    connection = original(
        host=server.socket_dir, port=server.port, dbname=db.name, user=server.our_role
    )

    def query(text: str) -> list:
        with connection.cursor() as cursor:
            cursor.execute(text)
            return list(cursor.fetchall())

    template = Template("", db, read_facts(query))
    connection.close()
    sandbox = Sandbox(server, [template], worker=f"b{tables}", attachment=attachment)
    sandbox.attach()
    url = f"postgresql+{driver}://app@database.example.invalid/shop"
    ways += ours(sandbox, sa.create_engine(url), orm)
    ways.append(cold_clone(sandbox, template, url, orm, driver))
    ways.append(sqlite(metadata, orm))
    measure(ways, rounds, sandbox)
    sandbox.detach()
    engine.dispose()
    return report(ways, tables)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, nargs="+", default=[20, 100])
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--driver", default="psycopg2")
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    with real_server() as (server, postgres):
        found = {
            tables: compare(server, postgres, chosen.driver, tables, chosen.rounds)
            for tables in chosen.tables
        }
    if chosen.json:
        chosen.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
