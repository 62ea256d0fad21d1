"""What an app does with its database, in some eighty small ways; one function each.

A case gets a `World`, works like an app would, and returns what the app can see.  The harness
runs it on a real database of its own (the oracle) and in the sandbox, and compares.  A sandbox
may instead *say* that it cannot show a case; it may never show something else.
"""

import io
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc, text
from sqlalchemy.orm import Session, declarative_base, sessionmaker

Base = declarative_base()


class Account(Base):
    __tablename__ = "account"
    id = sa.Column(sa.Integer, primary_key=True)
    name = sa.Column(sa.Text, nullable=False, unique=True)


class Note(Base):
    __tablename__ = "note"
    id = sa.Column(sa.Integer, primary_key=True)
    account_id = sa.Column(sa.Integer, sa.ForeignKey("account.id"))
    body = sa.Column(sa.Text, nullable=False, default="")


@dataclass
class World:
    """What a case works with.

    Attributes:
        url: SQLAlchemy URL of the app.
        driver: Module of the driver.
        connect: Makes a raw driver connection as the app would.
        make_engine: Makes another engine for the URL.
    """

    url: Any
    driver: Any
    connect: Callable[..., Any]
    engines: list = field(default_factory=list)
    engine: Any = None

    def __post_init__(self):
        self.engine = self.make_engine()

    def make_engine(self, **arguments):
        arguments.setdefault("future", True)
        engine = sa.create_engine(self.url, **arguments)
        self.engines.append(engine)
        return engine

    def session(self):
        return Session(self.engine, future=True)

    def names(self):
        with self.engine.connect() as connection:
            return sorted(connection.execute(text("SELECT name FROM account")).scalars())

    def dispose(self):
        for engine in self.engines:
            engine.dispose()
        self.engines.clear()


CASES: dict[str, Callable[[World], Any]] = {}
NUMBERS: dict[str, int] = {}


def case(number):
    """Register a case under its number in the list of thirty."""

    def register(function):
        CASES[function.__name__] = function
        NUMBERS[function.__name__] = number
        return function

    return register


def state_of(error):
    original = getattr(error, "orig", error)
    return getattr(original, "sqlstate", None) or getattr(original, "pgcode", None)


def add(connection, name):
    connection.execute(text("INSERT INTO account (name) VALUES (:n)"), {"n": name})


# -- 1, 2: the ORM ---------------------------------------------------------------------------


@case(1)
def orm_commit(w):
    with w.session() as session:
        session.add(Account(name="ann"))
        session.commit()
        session.add(Account(name="bob"))
        session.commit()
    return w.names()


@case(2)
def orm_rollback_then_more_work(w):
    with w.session() as session:
        session.add(Account(name="ann"))
        session.commit()
        session.add(Account(name="gone"))
        session.flush()
        session.rollback()
        session.add(Account(name="carl"))
        session.commit()
        seen = [a.name for a in session.query(Account).order_by(Account.name)]
    return seen, w.names()


@case(2)
def orm_first_transaction_rolls_back(w):
    with w.session() as session:
        session.add(Account(name="gone"))
        session.flush()
        session.rollback()
    return w.names()


@case(1)
def orm_objects_survive_a_commit(w):
    with w.session() as session:
        ann = Account(name="ann")
        session.add(ann)
        session.commit()
        ann.name = "anna"
        session.commit()
        session.refresh(ann)
        return ann.name, ann.id


@case(1)
def orm_close_without_commit(w):
    with w.session() as session:
        session.add(Account(name="gone"))
        session.flush()
    return w.names()


@case(1)
def sessionmaker_begin(w):
    maker = sessionmaker(w.engine, future=True)
    with maker.begin() as session:
        session.add(Account(name="ann"))
    return w.names()


@case(1)
def an_update_and_a_delete_are_seen(w):
    with w.session() as session:
        session.add_all([Account(name="ann"), Account(name="bob")])
        session.commit()
        session.query(Account).filter_by(name="ann").delete()
        session.query(Account).filter_by(name="bob").update({"name": "bert"})
        session.commit()
    return w.names()


# -- 3, 4: Core ------------------------------------------------------------------------------


@case(3)
def core_commit_as_you_go(w):
    with w.engine.connect() as connection:
        add(connection, "ann")
        connection.commit()
        add(connection, "bob")
        connection.commit()
    return w.names()


@case(4)
def core_rollback_keeps_earlier_commits(w):
    with w.engine.connect() as connection:
        add(connection, "ann")
        connection.commit()
        add(connection, "gone")
        connection.rollback()
        add(connection, "bob")
        connection.commit()
        add(connection, "gone too")
    return w.names()


@case(4)
def three_rollbacks_in_a_row(w):
    with w.engine.connect() as connection:
        for _ in range(3):
            add(connection, "gone")
            connection.rollback()
        return connection.execute(text("SELECT count(*) FROM account")).scalar()


# -- 5, 6: savepoints and errors ---------------------------------------------------------------


@case(5)
def begin_nested_commits(w):
    with w.session() as session:
        with session.begin_nested():
            session.add(Account(name="ann"))
        session.commit()
    return w.names()


@case(5)
def begin_nested_rolls_back(w):
    with w.session() as session:
        session.add(Account(name="ann"))
        session.flush()
        nested = session.begin_nested()
        session.add(Account(name="gone"))
        session.flush()
        nested.rollback()
        session.add(Account(name="bob"))
        session.commit()
    return w.names()


@case(5)
def savepoints_three_deep(w):
    with w.engine.begin() as connection:
        one = connection.begin_nested()
        add(connection, "one")
        two = connection.begin_nested()
        add(connection, "two")
        three = connection.begin_nested()
        add(connection, "three")
        three.rollback()
        two.commit()
        one.commit()
    return w.names()


@case(5)
def a_savepoint_does_not_outlive_its_transaction(w):
    with w.engine.connect() as connection:
        connection.execute(text("SAVEPOINT mine"))
        add(connection, "ann")
        connection.commit()
        add(connection, "gone")
        try:
            connection.execute(text("ROLLBACK TO SAVEPOINT mine"))
        except exc.DBAPIError as error:
            connection.rollback()
            return state_of(error), w.names()
    return "no error", w.names()


@case(6)
def integrity_error_then_work_continues(w):
    with w.session() as session:
        session.add(Account(name="ann"))
        session.commit()
        session.add(Account(name="ann"))
        try:
            session.commit()
        except exc.IntegrityError as error:
            session.rollback()
            caught = state_of(error)
        session.add(Account(name="bob"))
        session.commit()
    return caught, w.names()


@case(6)
def integrity_error_in_a_savepoint(w):
    with w.session() as session:
        session.add(Account(name="ann"))
        session.flush()
        try:
            with session.begin_nested():
                session.add(Account(name="ann"))
        except exc.IntegrityError as error:
            caught = state_of(error)
        session.add(Account(name="bob"))
        session.commit()
    return caught, w.names()


@case(6)
def a_failed_transaction_refuses_statements(w):
    with w.engine.connect() as connection:
        add(connection, "gone")
        states = []
        for statement in ("SELECT 1/0", "SELECT 1"):
            try:
                connection.execute(text(statement))
            except exc.DBAPIError as error:
                states.append(state_of(error))
        connection.rollback()
        states.append(connection.execute(text("SELECT 1")).scalar())
    return states, w.names()


@case(6)
def an_error_in_the_first_statement(w):
    with w.engine.connect() as connection:
        try:
            connection.execute(text("SELECT nothing FROM nowhere"))
        except exc.DBAPIError as error:
            caught = state_of(error)
        connection.rollback()
        add(connection, "ann")
        connection.commit()
    return caught, w.names()


@case(6)
def committing_a_failed_transaction_rolls_back(w):
    raw = w.connect()
    cursor = raw.cursor()
    cursor.execute("INSERT INTO account (name) VALUES ('gone')")
    try:
        cursor.execute("SELECT 1/0")
    except Exception as error:
        caught = state_of(error)
    raw.commit()
    cursor.execute("SELECT count(*) FROM account")
    count = cursor.fetchone()[0]
    raw.close()
    return caught, count


# -- 7: literal transaction control ------------------------------------------------------------


@case(7)
def literal_commit(w):
    with w.engine.connect() as connection:
        add(connection, "ann")
        connection.execute(text("COMMIT"))
    return w.names()


@case(7)
def literal_rollback(w):
    with w.engine.connect() as connection:
        add(connection, "ann")
        connection.execute(text("ROLLBACK"))
    return w.names()


@case(7)
def commit_inside_a_string_of_statements(w):
    raw = w.connect()
    raw.cursor().execute("INSERT INTO account (name) VALUES ('ann'); COMMIT")
    raw.close()
    return w.names()


@case(7)
def commit_in_disguise(w):
    raw = w.connect()
    raw.cursor().execute("INSERT INTO account (name) VALUES ('ann'); /* x */ END")
    raw.close()
    return w.names()


@case(7)
def procedure_that_commits(w):
    with w.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("CALL commits()"))
    return w.names()


@case(7)
def a_literal_begin(w):
    raw = w.connect()
    raw.autocommit = True
    cursor = raw.cursor()
    cursor.execute("BEGIN")
    cursor.execute("INSERT INTO account (name) VALUES ('gone')")
    cursor.execute("ROLLBACK")
    raw.close()
    return w.names()


# -- 8, 9, 10: other ways in ---------------------------------------------------------------------


@case(8)
def engine_begin(w):
    with w.engine.begin() as connection:
        add(connection, "ann")
    try:
        with w.engine.begin() as connection:
            add(connection, "gone")
            raise LookupError
    except LookupError:
        pass
    return w.names()


@case(9)
def raw_connection_and_commit(w):
    raw = w.engine.raw_connection()
    cursor = raw.cursor()
    cursor.execute("INSERT INTO account (name) VALUES (%s)", ("ann",))
    count = cursor.rowcount
    raw.commit()
    cursor.execute("INSERT INTO account (name) VALUES (%s)", ("gone",))
    raw.rollback()
    raw.close()
    return count, w.names()


@case(9)
def executemany(w):
    raw = w.engine.raw_connection()
    cursor = raw.cursor()
    cursor.executemany("INSERT INTO account (name) VALUES (%s)", [("ann",), ("bob",)])
    raw.commit()
    raw.close()
    with w.engine.begin() as connection:
        connection.execute(sa.insert(Account.__table__), [{"name": "c"}, {"name": "d"}])
    return w.names()


@case(9)
def an_error_in_executemany(w):
    raw = w.engine.raw_connection()
    cursor = raw.cursor()
    try:
        cursor.executemany("INSERT INTO account (name) VALUES (%s)", [("ann",), ("ann",)])
    except Exception as error:
        caught = state_of(error)
    raw.rollback()
    cursor = raw.cursor()
    cursor.execute("INSERT INTO account (name) VALUES ('bob')")
    raw.commit()
    raw.close()
    return caught, w.names()


@case(10)
def raw_driver_beside_sqlalchemy(w):
    with w.engine.begin() as connection:
        add(connection, "ann")
    raw = w.connect()
    cursor = raw.cursor()
    cursor.execute("SELECT name FROM account ORDER BY name")
    seen = [row[0] for row in cursor.fetchall()]
    cursor.execute("INSERT INTO account (name) VALUES ('bob')")
    raw.commit()
    raw.close()
    return seen, w.names()


@case(10)
def a_closed_raw_connection_rolls_back(w):
    raw = w.connect()
    raw.cursor().execute("INSERT INTO account (name) VALUES ('gone')")
    raw.close()
    try:
        raw.cursor()
    except Exception as error:
        return type(error).__name__ in {"InterfaceError", "OperationalError"}, w.names()
    return "no error", w.names()


@case(10)
def raw_connection_as_context_manager(w):
    raw = w.connect()
    with raw:
        raw.cursor().execute("INSERT INTO account (name) VALUES ('ann')")
    return w.names()


@case(10)
def an_engine_with_a_creator(w):
    engine = sa.create_engine(f"postgresql+{w.driver.__name__}://", creator=w.connect, future=True)
    w.engines.append(engine)
    with engine.begin() as connection:
        add(connection, "ann")
    with engine.connect() as connection:
        return sorted(connection.execute(text("SELECT name FROM account")).scalars())


# -- 11: engines and binds -----------------------------------------------------------------------


@case(11)
def a_second_engine_sees_what_the_first_committed(w):
    with w.engine.begin() as connection:
        add(connection, "ann")
    other = w.make_engine()
    with other.connect() as connection:
        seen = sorted(connection.execute(text("SELECT name FROM account")).scalars())
    with other.begin() as connection:
        add(connection, "bob")
    return seen, w.names()


@case(11)
def an_engine_made_per_statement(w):
    for name in "abc":
        engine = w.make_engine(poolclass=sa.pool.NullPool)
        with engine.begin() as connection:
            add(connection, name)
    return w.names()


@case(11)
def a_read_only_engine_stays_read_only(w):
    reader = w.make_engine(execution_options={"postgresql_readonly": True})
    with w.engine.begin() as connection:
        add(connection, "ann")
    states = []
    with reader.connect() as connection:
        states.append(connection.execute(text("SELECT count(*) FROM account")).scalar())
        try:
            add(connection, "gone")
        except exc.DBAPIError as error:
            states.append(state_of(error))
    with w.engine.begin() as connection:
        add(connection, "bob")
    return states, w.names()


@case(11)
def settings_of_one_engine_are_not_anothers(w):
    with w.engine.connect() as connection:
        before = connection.execute(text("SHOW work_mem")).scalar()
    tuned = w.make_engine(connect_args={"options": "-c work_mem=7MB"})
    with tuned.connect() as connection:
        inside = connection.execute(text("SHOW work_mem")).scalar()
    with w.engine.connect() as connection:
        return inside, connection.execute(text("SHOW work_mem")).scalar() == before


@case(11)
def settings_made_by_a_pool_listener(w):
    tuned = w.make_engine()

    @sa.event.listens_for(tuned, "connect")
    def connected(connection, _record):
        cursor = connection.cursor()
        cursor.execute("SET work_mem TO '9MB'")
        cursor.close()
        connection.commit()

    with tuned.connect() as connection:
        one = connection.execute(text("SHOW work_mem")).scalar()
    with w.engine.connect() as connection:
        other = connection.execute(text("SHOW work_mem")).scalar()
    with tuned.connect() as connection:
        again = connection.execute(text("SHOW work_mem")).scalar()
    return one, other, again


@case(11)
def a_setting_rolled_back_is_gone(w):
    with w.engine.connect() as connection:
        before = connection.execute(text("SHOW work_mem")).scalar()
        connection.execute(text("SET work_mem TO '8MB'"))
        connection.rollback()
        after = connection.execute(text("SHOW work_mem")).scalar()
        connection.execute(text("SET work_mem TO '8MB'"))
        connection.commit()
        kept = connection.execute(text("SHOW work_mem")).scalar()
        connection.execute(text("RESET work_mem"))
        connection.commit()
    return before == after, kept


# -- 12, 13: autocommit and isolation --------------------------------------------------------------


@case(12)
def autocommit(w):
    with w.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        add(connection, "ann")
        try:
            connection.execute(text("SELECT 1/0"))
        except exc.DBAPIError as error:
            caught = state_of(error)
        add(connection, "bob")
    return caught, w.names()


@case(12)
def autocommit_and_a_transaction_at_once(w):
    with w.engine.connect() as one:
        one.execute(text("SELECT 1"))
        with w.make_engine(isolation_level="AUTOCOMMIT").connect() as two:
            add(two, "ann")
        seen = one.execute(text("SELECT count(*) FROM account")).scalar()
        one.rollback()
    return seen, w.names()


@case(12)
def raw_autocommit(w):
    raw = w.connect()
    raw.autocommit = True
    cursor = raw.cursor()
    cursor.execute("INSERT INTO account (name) VALUES ('ann')")
    try:
        cursor.execute("INSERT INTO account (name) VALUES ('ann')")
    except Exception as error:
        caught = state_of(error)
    cursor.execute("INSERT INTO account (name) VALUES ('bob')")
    raw.close()
    return caught, w.names()


@case(12)
def autocommit_checks_deferred_constraints_at_once(w):
    raw = w.connect()
    raw.autocommit = True
    try:
        raw.cursor().execute("INSERT INTO note (account_id) VALUES (4711)")
    except Exception as error:
        caught = state_of(error)
    else:
        caught = "no error"
    cursor = raw.cursor()
    cursor.execute("SELECT count(*) FROM note")
    count = cursor.fetchone()[0]
    raw.close()
    return caught, count


@case(13)
def serializable(w):
    engine = w.make_engine(isolation_level="SERIALIZABLE")
    with engine.begin() as connection:
        add(connection, "ann")
    return w.names()


@case(13)
def repeatable_read_per_connection(w):
    with w.engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        add(connection, "ann")
        connection.commit()
    return w.names()


@case(13)
def set_transaction_isolation_as_text(w):
    with w.engine.connect() as connection:
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"))
        level = connection.execute(text("SHOW transaction_isolation")).scalar()
    return level


@case(13)
def set_transaction_read_only_as_text(w):
    states = []
    with w.engine.connect() as connection:
        connection.execute(text("SET TRANSACTION READ ONLY"))
        try:
            add(connection, "gone")
        except exc.DBAPIError as error:
            states.append(state_of(error))
        connection.rollback()
        connection.execute(text("SET TRANSACTION READ ONLY"))
        connection.commit()
        add(connection, "ann")
        connection.commit()
    return states, w.names()


# -- 14, 15: threads -----------------------------------------------------------------------------


def in_thread(function):
    errors = []

    def run():
        try:
            function()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(60)
    if errors:
        raise errors[0]


@case(14)
def a_thread_commits(w):
    with w.engine.begin() as connection:
        add(connection, "ann")
    seen = []

    def work():
        with w.engine.connect() as connection:
            seen.append(connection.execute(text("SELECT count(*) FROM account")).scalar())
            add(connection, "by thread")
            connection.commit()

    in_thread(work)
    return seen, w.names()


@case(14)
def four_threads_commit_in_turns(w):
    def work(label):
        for number in range(10):
            with w.engine.begin() as connection:
                add(connection, f"{label}{number}")

    errors = []

    def run(label):
        try:
            work(label)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(label,)) for label in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if errors:
        raise errors[0]
    return len(w.names())


@case(14)
def a_thread_commits_while_a_reader_is_open(w):
    with w.engine.connect() as reader:
        before = reader.execute(text("SELECT count(*) FROM account")).scalar()

        def work():
            with w.engine.begin() as connection:
                add(connection, "by thread")

        in_thread(work)
        after = reader.execute(text("SELECT count(*) FROM account")).scalar()
        reader.rollback()
    return before, after, w.names()


@case(14)
def an_error_in_a_thread_leaves_the_other_transaction_alone(w):
    with w.engine.connect() as connection:
        add(connection, "ann")

        def work():
            with w.engine.connect() as other:
                try:
                    other.execute(text("SELECT 1/0"))
                except exc.DBAPIError:
                    other.rollback()

        in_thread(work)
        connection.execute(text("SELECT 1"))
        connection.commit()
    return w.names()


@case(14)
def uncommitted_rows_are_not_seen_elsewhere(w):
    with w.engine.connect() as writer:
        add(writer, "ann")
        with w.engine.connect() as reader:
            seen = reader.execute(text("SELECT count(*) FROM account")).scalar()
        writer.commit()
    return seen, w.names()


@case(14)
def a_rollback_beside_a_committed_write(w):
    with w.engine.connect() as one:
        add(one, "gone")
        with w.engine.begin() as two:
            two.execute(text("INSERT INTO country VALUES ('is', 'Iceland')"))
        one.rollback()
        countries = one.execute(text("SELECT count(*) FROM country")).scalar()
    return countries, w.names()


# -- 19: deferred constraints ----------------------------------------------------------------------


@case(19)
def a_deferred_key_fails_at_commit(w):
    with w.session() as session:
        session.add(Account(name="ann"))
        session.commit()
        session.execute(text("INSERT INTO note (account_id) VALUES (4711)"))
        try:
            session.commit()
        except exc.IntegrityError as error:
            session.rollback()
            caught = state_of(error)
        else:
            caught = "no error"
        notes = session.execute(text("SELECT count(*) FROM note")).scalar()
        session.add(Account(name="bob"))
        session.commit()
    return caught, notes, w.names()


@case(19)
def a_deferred_key_made_good_before_commit(w):
    with w.session() as session:
        session.execute(text("INSERT INTO note (account_id) VALUES (50)"))
        session.execute(text("INSERT INTO account (id, name) VALUES (50, 'ann')"))
        session.commit()
        session.execute(text("INSERT INTO note (account_id) VALUES (51)"))
        session.execute(text("INSERT INTO account (id, name) VALUES (51, 'bob')"))
        session.commit()
    return w.names()


@case(19)
def a_deferred_key_as_the_first_transaction(w):
    with w.engine.connect() as connection:
        connection.execute(text("INSERT INTO note (account_id) VALUES (4711)"))
        try:
            connection.commit()
        except exc.IntegrityError as error:
            caught = state_of(error)
        else:
            caught = "no error"
    with w.engine.connect() as connection:
        return caught, connection.execute(text("SELECT count(*) FROM note")).scalar()


@case(19)
def a_constraint_trigger_fails_at_commit(w):
    with w.engine.connect() as connection:
        connection.execute(text("INSERT INTO note (body) VALUES ('forbidden')"))
        try:
            connection.commit()
        except exc.DBAPIError as error:
            connection.rollback()
            return state_of(error)
    return "no error"


@case(19)
def an_immediate_constraint_stays_immediate_after_a_commit(w):
    with w.engine.connect() as connection:
        connection.execute(text("INSERT INTO pair VALUES (1, 1)"))
        connection.commit()
        try:
            connection.execute(text("INSERT INTO pair VALUES (1, 2)"))
        except exc.DBAPIError as error:
            connection.rollback()
            return state_of(error)
    return "no error"


@case(19)
def set_constraints_deferred_ends_with_its_transaction(w):
    with w.engine.connect() as connection:
        connection.execute(text("SET CONSTRAINTS pair_left DEFERRED"))
        connection.execute(text("INSERT INTO pair VALUES (1, 1), (2, 2)"))
        connection.execute(text("UPDATE pair SET left_id = 3 - left_id"))
        connection.commit()
        try:
            connection.execute(text("INSERT INTO pair VALUES (1, 2)"))
        except exc.DBAPIError as error:
            connection.rollback()
            return state_of(error)
    return "no error"


# -- 20, 21: notifications and locks -----------------------------------------------------------------


@case(20)
def notify_alone(w):
    with w.engine.begin() as connection:
        connection.execute(text("NOTIFY somebody"))
        connection.execute(text("SELECT pg_notify('somebody', 'x')"))
    return w.names()


@case(20)
def listen_and_notify(w):
    listener = w.connect()
    listener.autocommit = True
    listener.cursor().execute("LISTEN somebody")
    with w.engine.begin() as connection:
        connection.execute(text("NOTIFY somebody, 'hello'"))
    listener.cursor().execute("SELECT 1")
    if hasattr(listener, "poll"):
        listener.poll()
        payloads = [note.payload for note in listener.notifies]
    else:
        payloads = [note.payload for note in listener.notifies(timeout=60, stop_after=1)]
    listener.close()
    return payloads


@case(21)
def an_advisory_lock_is_exclusive(w):
    with w.engine.connect() as one, w.engine.connect() as two:
        first = one.execute(text("SELECT pg_try_advisory_lock(42)")).scalar()
        second = two.execute(text("SELECT pg_try_advisory_lock(42)")).scalar()
        one.execute(text("SELECT pg_advisory_unlock_all()"))
        one.commit()
        two.commit()
    return first, second


@case(21)
def an_advisory_lock_alone(w):
    with w.engine.connect() as one:
        first = one.execute(text("SELECT pg_try_advisory_lock(43)")).scalar()
        one.commit()
    return first


@case(21)
def a_row_lock_is_respected(w):
    with w.engine.connect() as one, w.engine.connect() as two:
        one.execute(text("SELECT * FROM country WHERE code = 'ch' FOR UPDATE"))
        try:
            two.execute(text("SELECT * FROM country WHERE code = 'ch' FOR UPDATE NOWAIT"))
            answer = "got it"
        except exc.DBAPIError as error:
            answer = state_of(error)
    return answer


# -- 22, 23, 24: SET LOCAL, now(), ids ------------------------------------------------------------------


@case(22)
def set_local_ends_at_commit(w):
    with w.engine.connect() as connection:
        before = connection.execute(text("SHOW statement_timeout")).scalar()
        connection.execute(text("SET LOCAL statement_timeout = '7s'"))
        inside = connection.execute(text("SHOW statement_timeout")).scalar()
        connection.commit()
        after = connection.execute(text("SHOW statement_timeout")).scalar()
    return before, inside, after


@case(22)
def set_config_local_ends_at_commit(w):
    with w.engine.connect() as connection:
        connection.execute(text("SELECT set_config('app.tenant', :t, true)"), {"t": "seven"})
        inside = connection.execute(text("SELECT current_setting('app.tenant', true)")).scalar()
        connection.commit()
        after = connection.execute(text("SELECT current_setting('app.tenant', true)")).scalar()
    return inside, after or None


@case(23)
def now_advances(w):
    with w.engine.connect() as connection:
        one = connection.execute(text("SELECT now()")).scalar()
        connection.commit()
        two = connection.execute(text("SELECT now()")).scalar()
    return two > one


@case(24)
def ids_are_those_of_the_template(w):
    with w.session() as session:
        account = Account(name="ann")
        session.add(account)
        session.commit()
        return account.id


@case(24)
def setval_is_undone(w):
    with w.engine.begin() as connection:
        connection.execute(text("SELECT setval('account_id_seq', 100)"))
        add(connection, "ann")
        return connection.execute(text("SELECT max(id) FROM account")).scalar()


@case(24)
def setval_before_the_first_value(w):
    with w.engine.begin() as connection:
        connection.execute(text("SELECT setval('note_id_seq', 100, false)"))
    return w.names()


@case(24)
def the_id_after_a_setval_of_another_test(w):
    with w.engine.begin() as connection:
        return connection.execute(text("INSERT INTO note DEFAULT VALUES RETURNING id")).scalar()


# -- 25, 26: COPY and cursors -----------------------------------------------------------------------------


def copy_in(w, raw, rows):
    cursor = raw.cursor()
    if hasattr(cursor, "copy_expert"):
        cursor.copy_expert("COPY account (name) FROM STDIN", io.StringIO("\n".join(rows) + "\n"))
    else:
        with cursor.copy("COPY account (name) FROM STDIN") as copy:
            for row in rows:
                copy.write_row((row,))


def copy_out(w, raw):
    cursor = raw.cursor()
    if hasattr(cursor, "copy_expert"):
        file = io.StringIO()
        cursor.copy_expert("COPY (SELECT name FROM account ORDER BY 1) TO STDOUT", file)
        return file.getvalue()
    with cursor.copy("COPY (SELECT name FROM account ORDER BY 1) TO STDOUT") as copy:
        return b"".join(bytes(part) for part in copy).decode()


@case(25)
def copy_in_and_out(w):
    raw = w.connect()
    copy_in(w, raw, ["ann", "bob"])
    raw.commit()
    copy_in(w, raw, ["gone"])
    raw.rollback()
    out = copy_out(w, raw)
    raw.close()
    return out, w.names()


@case(25)
def a_failing_copy(w):
    raw = w.connect()
    copy_in(w, raw, ["ann"])
    raw.commit()
    try:
        copy_in(w, raw, ["bob", "ann"])
    except Exception as error:
        caught = state_of(error)
    raw.rollback()
    raw.close()
    return caught, w.names()


@case(26)
def a_server_side_cursor(w):
    with w.engine.begin() as connection:
        connection.execute(
            text("INSERT INTO account (name) SELECT 'n' || i FROM generate_series(1, 50) i")
        )
    with w.engine.connect().execution_options(stream_results=True) as connection:
        result = connection.execute(text("SELECT name FROM account ORDER BY id"))
        return len(result.fetchmany(5)), len(result.fetchall())


@case(26)
def yield_per(w):
    with w.session() as session:
        session.add_all([Account(name=f"n{i}") for i in range(30)])
        session.commit()
        query = session.query(Account).order_by(Account.id).yield_per(7)
        return [account.name for account in query][:3], session.query(Account).count()


@case(26)
def a_cursor_with_hold_outlives_its_transaction(w):
    raw = w.connect()
    cursor = raw.cursor("held", withhold=True)
    cursor.execute("SELECT code FROM country ORDER BY code")
    raw.commit()
    rows = cursor.fetchall()
    cursor.close()
    raw.close()
    return [row[0] for row in rows]


@case(26)
def the_same_cursor_name_twice(w):
    raw = w.connect()
    seen = []
    for _ in range(2):
        cursor = raw.cursor("again")
        cursor.execute("SELECT code FROM country ORDER BY code")
        seen.append([row[0] for row in cursor.fetchall()])
        cursor.close()
        raw.commit()
    raw.close()
    return seen


# -- 27: DDL ---------------------------------------------------------------------------------------------


@case(27)
def transactional_ddl(w):
    with w.engine.begin() as connection:
        connection.execute(text("CREATE TABLE extra (id serial PRIMARY KEY, label text)"))
        connection.execute(text("INSERT INTO extra (label) VALUES ('x')"))
        connection.execute(text("ALTER TABLE country ADD COLUMN size integer"))
    with w.engine.connect() as connection:
        return connection.execute(text("SELECT id, label FROM extra")).fetchall() == [
            (1, "x")
        ], len(connection.execute(text("SELECT * FROM country")).keys())


@case(27)
def truncate_restart(w):
    with w.engine.begin() as connection:
        connection.execute(text("TRUNCATE account RESTART IDENTITY CASCADE"))
        add(connection, "ann")
    with w.engine.connect() as connection:
        return connection.execute(text("SELECT id, name FROM account")).fetchall() == [(1, "ann")]


@case(27)
def drop_everything(w):
    with w.engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    with w.engine.connect() as connection:
        return connection.execute(text("SELECT to_regclass('public.account')")).scalar()


@case(27)
def create_index_concurrently(w):
    with w.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("CREATE INDEX CONCURRENTLY fast ON account (name)"))
        return connection.execute(text("SELECT to_regclass('fast')::text")).scalar()


@case(27)
def vacuum(w):
    with w.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM account"))
    return "done"


@case(27)
def a_new_enum_value_is_used(w):
    with w.engine.begin() as connection:
        connection.execute(text("ALTER TYPE colour ADD VALUE 'blue'"))
    with w.engine.connect() as connection:
        return connection.execute(text("SELECT 'blue'::colour::text")).scalar()


@case(27)
def a_temporary_table(w):
    with w.engine.connect() as connection:
        connection.execute(text("CREATE TEMPORARY TABLE t (x int)"))
        connection.execute(text("INSERT INTO t VALUES (1)"))
        connection.commit()
        count = connection.execute(text("SELECT count(*) FROM t")).scalar()
        connection.execute(text("DROP TABLE t"))
        connection.commit()
    return count


@case(27)
def a_temporary_table_dropped_on_commit(w):
    with w.engine.connect() as connection:
        connection.execute(text("CREATE TEMPORARY TABLE t (x int) ON COMMIT DROP"))
        connection.commit()
        return connection.execute(text("SELECT to_regclass('pg_temp.t')")).scalar()


# -- 28: two real transactions ------------------------------------------------------------------------------


@case(28)
def skip_locked(w):
    with w.engine.connect() as one, w.engine.connect() as two:
        query = text("SELECT code FROM country ORDER BY code LIMIT 1 FOR UPDATE SKIP LOCKED")
        return one.execute(query).scalar(), two.execute(query).scalar()


@case(28)
def two_writers_roll_back_in_the_other_order(w):
    with w.engine.connect() as one, w.engine.connect() as two:
        one.execute(text("INSERT INTO country VALUES ('is', 'Iceland')"))
        add(two, "ann")
        one.rollback()
        two.commit()
    return w.names()


@case(28)
def two_writers_commit(w):
    with w.engine.connect() as one, w.engine.connect() as two:
        one.execute(text("INSERT INTO country VALUES ('is', 'Iceland')"))
        add(two, "ann")
        one.commit()
        two.rollback()
        count = one.execute(text("SELECT count(*) FROM country")).scalar()
    return count, w.names()


@case(28)
def two_phase_commit(w):
    with w.engine.connect() as connection:
        transaction = connection.begin_twophase()
        add(connection, "ann")
        try:
            transaction.prepare()
            transaction.commit()
        except exc.DBAPIError as error:
            transaction.rollback()
            return state_of(error)
    return w.names()


# -- 29: hooks ---------------------------------------------------------------------------------------------


@case(29)
def after_commit_hooks(w):
    heard = []
    with w.session() as session:
        sa.event.listen(session, "after_commit", lambda _s: heard.append("commit"))
        sa.event.listen(session, "after_rollback", lambda _s: heard.append("rollback"))
        session.add(Account(name="ann"))
        session.commit()
        session.add(Account(name="gone"))
        session.flush()
        session.rollback()
    return heard, w.names()


# -- functions that write --------------------------------------------------------------------------------


@case(1)
def a_function_that_writes_is_rolled_back(w):
    with w.engine.connect() as connection:
        connection.execute(text("SELECT adds('gone')"))
        connection.rollback()
        connection.execute(text("SELECT adds('ann')"))
        connection.commit()
    return w.names()
