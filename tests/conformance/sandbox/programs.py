"""Random programs on one to three connections, in the sandbox and on real connections at once."""

import importlib
from dataclasses import dataclass, field

from hypothesis import strategies as st
from tests.conformance.sandbox.harness import APP_HOST

from flask_assay.sandbox.signals import GearChangeError, IsolationLeakError, SignalKind

ACTIONS = (
    "write",
    "write",
    "function",
    "read",
    "error",
    "duplicate",
    "savepoint",
    "release",
    "rollback_to",
    "commit",
    "rollback",
    "close",
    "autocommit",
    "orphan",
    "set_local",
    "thread",
)
STEPS = st.tuples(st.sampled_from(ACTIONS), st.integers(0, 2))
PROGRAMS = st.lists(STEPS, min_size=1, max_size=14)
LEAKS = (
    "INSERT INTO account (name) VALUES ('leak'); COMMIT",
    "COMMIT",
    "commit work",
    "/* done */ COMMIT -- now",
    "END",
    "END TRANSACTION",
    "COMMIT AND CHAIN",
    "COMMIT; BEGIN",
    "SELECT 1; COMMIT; SELECT 2",
    "ROLLBACK",
    "ABORT",
    "ROLLBACK AND CHAIN",
    "ROLLBACK; INSERT INTO account (name) VALUES ('leak')",
    "PREPARE TRANSACTION 'leak'",
    "BEGIN; COMMIT",
    "CALL commits()",
    "DO $$ BEGIN INSERT INTO account (name) VALUES ('leak'); COMMIT; END $$",
    "DO $$ BEGIN ROLLBACK; END $$",
)
"""SQL that ends, or would end, the transaction that a test is undone with."""
OUTSIDE = "from outside"
"""A row written by a connection that the sandbox does not know."""


@dataclass
class Side:
    """One of the two worlds: connections by number, made when they are first used."""

    connect: object
    connections: dict = field(default_factory=dict)
    savepoints: dict = field(default_factory=dict)
    number: int = 0

    def connection(self, who):
        if who not in self.connections:
            self.connections[who] = self.connect()
        return self.connections[who]

    def send(self, who, text):
        cursor = self.connection(who).cursor()
        try:
            cursor.execute(text)
            return cursor.fetchall() if cursor.description else cursor.rowcount
        except Exception as error:
            state = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
            if state is None:
                raise
            return state
        finally:
            cursor.close()

    def step(self, action, who):
        self.number += 1
        return getattr(self, action)(who)

    def write(self, who):
        return self.send(who, f"INSERT INTO account (name) VALUES ('n{self.number}')")

    def function(self, who):
        found = self.send(who, f"SELECT adds('f{self.number}')")
        return found if isinstance(found, str) else len(found)

    def read(self, who):
        return self.send(who, "SELECT count(*) FROM account")

    def error(self, who):
        return self.send(who, "SELECT 1/0")

    def duplicate(self, who):
        return self.send(who, "INSERT INTO account (name) VALUES ('seeded')")

    def orphan(self, who):
        return self.send(who, "INSERT INTO note (account_id) VALUES (4711)")

    def set_local(self, who):
        self.send(who, "SET LOCAL work_mem = '5MB'")
        return self.send(who, "SHOW work_mem")

    def savepoint(self, who):
        if self.connection(who).autocommit:
            return None
        name = f"s{who}_{self.number}"
        self.savepoints.setdefault(who, []).append(name)
        return self.send(who, f"SAVEPOINT {name}")

    def release(self, who):
        names = self.savepoints.get(who)
        return self.send(who, f"RELEASE {names.pop()}") if names else None

    def rollback_to(self, who):
        names = self.savepoints.get(who)
        return self.send(who, f"ROLLBACK TO {names[-1]}") if names else None

    def _end(self, who, verb):
        self.savepoints.pop(who, None)
        try:
            getattr(self.connection(who), verb)()
        except Exception as error:
            state = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
            if state is None:
                raise
            self.connection(who).rollback()
            return state
        return None

    def commit(self, who):
        return self._end(who, "commit")

    def rollback(self, who):
        return self._end(who, "rollback")

    def close(self, who):
        self.savepoints.pop(who, None)
        if who in self.connections:
            self.connections.pop(who).close()

    def autocommit(self, who):
        self.rollback(who)
        connection = self.connection(who)
        connection.autocommit = not connection.autocommit

    def thread(self, who):
        """Another connection commits, in a thread of its own, and is closed."""
        import threading

        found = []

        def work():
            key = f"t{self.number}"
            try:
                found.append(self.write(key))
                self.commit(key)
                self.close(key)
            except GearChangeError:
                found.append("gear change")

        thread = threading.Thread(target=work)
        thread.start()
        thread.join(30)
        return found

    def finish(self):
        for who in list(self.connections):
            self.close(who)
        rows = self.send("last", "SELECT name FROM account ORDER BY name")
        self.close("last")
        return rows


class Pair:
    """A sandbox and a real database that run the same programs."""

    def __init__(self, ours, real_place, reset):
        self.ours, self._reset = ours, reset
        self._module = importlib.import_module(ours.driver)
        self._original = ours.sandbox.attachment.originals[ours.driver]
        self._parameters = real_place.parameters()
        self._look = None
        self.was_reached = False

    def _app(self):
        return self._module.connect(host=APP_HOST, dbname="shop", user="app")

    def _real(self):
        return self._original(**self._parameters, options="-c lock_timeout=2s")

    def state(self):
        """What is committed in the sandbox's database: rows, catalog, sequences."""
        sandbox = self.ours.sandbox
        sandbox._flush()
        (template,) = sandbox.templates.values()
        db = sandbox._database(template)
        if self._look is None or self._look[0] != db.name:
            if self._look is not None:
                self._look[1].close()
            self._look = (db.name, sandbox.admin.connect(db.name))
        cursor = self._look[1].cursor()
        cursor.execute(
            f"SELECT ({template.facts.fingerprint}), (SELECT string_agg(sequencename || "
            "coalesce(last_value, 0), ',' ORDER BY 1) FROM pg_sequences)"
        )
        return cursor.fetchone()

    def close(self):
        if self._look is not None:
            self._look[1].close()

    def run(self, program):
        """Return "right", "said so", "doubted", or a description of the difference."""
        self._reset()
        sandbox = self.ours.sandbox
        journal = sandbox.checkout("program")
        here, there = Side(self._app), Side(self._real)
        try:
            verdict = self._compare(program, here, there, journal)
        except GearChangeError:
            verdict = "said so"
        finally:
            for connection in there.connections.values():
                connection.close()
            sandbox.checkin()
        return verdict

    def _compare(self, program, here, there, journal):
        for index, (action, who) in enumerate(program):
            seen = here.step(action, who)
            if journal.has(SignalKind.HARD):
                return "said so"
            if journal.has(SignalKind.DOUBT):
                return "doubted"
            wanted = there.step(action, who)
            if as_rows(seen) != as_rows(wanted):
                return f"step {index} {action} {who}: {seen!r}, real {wanted!r}"
        seen, wanted = here.finish(), there.finish()
        return "right" if as_rows(seen) == as_rows(wanted) else f"end: {seen!r}, real {wanted!r}"

    def leak(self, program, text, who, at):
        """Run a program with a statement that leaves the sandbox in it; say if it was caught.

        A statement that a failed transaction refuses does not leave it; nor does one that is not
        reached, as the program was stopped before it.
        """
        sandbox = self.ours.sandbox
        journal = sandbox.checkout("leak")
        here, refused, is_written, self.was_reached = Side(self._app), False, False, False
        try:
            for action, actor in program[:at]:
                here.step(action, actor)
                if journal.has(
                    SignalKind.HARD
                ):  # in a thread of the program, which goes no further
                    raise GearChangeError
            self.was_reached = True
            if text is OUTSIDE:
                self._write_from_outside()
                is_written = True
            else:
                refused = here.send(who, text) == "25P02"
            for action, actor in program[at:]:
                if not journal.signals:  # what a test does after it was stopped is of no interest
                    here.step(action, actor)
        except (GearChangeError, IsolationLeakError):
            pass
        finally:
            sandbox.checkin()
        caught = journal.has(SignalKind.LEAK) or journal.has(SignalKind.HARD)
        if is_written:
            caught = bool(sandbox.leaked())
            sandbox.heal()
        return caught or refused

    def _write_from_outside(self):
        sandbox = self.ours.sandbox
        (template,) = sandbox.templates.values()
        place = sandbox.server.place(sandbox._database(template))
        connection = self._original(**place.parameters(), options="-c lock_timeout=2s")
        connection.cursor().execute("INSERT INTO country VALUES ('xx', 'from outside')")
        connection.commit()
        connection.close()


def as_rows(value):
    return (
        [tuple(row) for row in value]
        if isinstance(value, list) and value and isinstance(value[0], (list, tuple))
        else value
    )
