"""The universe against a model of the server and a model of what each app may expect."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flask_assay.sandbox.universe import NotFaithfulError, Universe


@dataclass
class Server:
    """Understands just the commands that a universe emits; anything else is a bug."""

    begun: bool = False
    rows: frozenset = frozenset()
    before: frozenset = frozenset()
    stack: list = field(default_factory=list)
    aborted: bool = False
    messages: int = 0

    def send(self, commands):
        for command in commands:
            self.run(command)
        self.messages += bool(commands)

    def run(self, command):
        if command == "BEGIN":
            assert not self.begun, "BEGIN inside a transaction"
            self.begun, self.before, self.stack = True, self.rows, []
            return
        assert self.begun, command
        if command == "ROLLBACK":
            self.begun, self.rows, self.stack, self.aborted = False, self.before, [], False
            return
        verb, _, name = command.replace(chr(34), "").rpartition(" ")
        if verb == "SAVEPOINT":
            assert not self.aborted, "SAVEPOINT in an aborted transaction"
            self.stack.append((name, self.rows))
            return
        index = max((i for i, (n, _) in enumerate(self.stack) if n == name), default=None)
        assert index is not None, f"{command}: no such savepoint in {self.stack}"
        if verb == "RELEASE":
            assert not self.aborted, "RELEASE in an aborted transaction"
            del self.stack[index:]
        elif verb == "ROLLBACK TO":
            self.rows, self.aborted = self.stack[index][1], False
            del self.stack[index + 1 :]
        else:
            raise AssertionError(command)

    def write(self, row):
        assert self.begun
        assert not self.aborted
        self.rows |= {row}


@dataclass
class Expectation:
    """What PostgreSQL would do with connections of their own."""

    committed: set = field(default_factory=set)
    pending: dict = field(default_factory=dict)
    failed: set = field(default_factory=set)
    savepoints: dict = field(default_factory=dict)


class World:
    def __init__(self):
        self.universe, self.server, self.expected = Universe(), Server(), Expectation()
        self.rows = 0

    def begin(self, who, *, guarded=True):
        self.server.send(self.universe.statement(who, guarded=guarded))
        self.expected.pending.setdefault(who, set())
        self.expected.savepoints.setdefault(who, [])

    def blocked(self, who):
        """A failed transaction answers 25P02 without reaching the server."""
        return who in self.expected.failed

    def read(self, who):
        if not self.blocked(who):
            self.begin(who)
            assert not self.server.aborted
            self.universe.succeeded(who, writes=False)

    def write(self, who):
        if not self.blocked(who):
            self.begin(who)
            self.rows += 1
            self.server.write(self.rows)
            self.expected.pending[who].add(self.rows)
            self.universe.succeeded(who, writes=True)

    def error(self, who):
        if not self.blocked(who):
            self.begin(who)
            self.server.aborted = True
            self.server.send(self.universe.errored(who))
            self.expected.failed.add(who)

    def savepoint(self, who):
        if not self.blocked(who):
            self.begin(who, guarded=False)
            name = f"sp{len(self.expected.savepoints[who])}"
            self.server.run(f"SAVEPOINT {name}")
            self.universe.savepoint(who, name)
            self.universe.succeeded(who, writes=False)
            self.expected.savepoints[who].append((name, set(self.expected.pending[who])))

    def _own_savepoint(self, who):
        points = self.expected.savepoints.get(who)
        return points[-1] if points else None

    def release(self, who):
        point = self._own_savepoint(who)
        if point and not self.blocked(who):
            self.universe.check_savepoint(who, point[0])
            self.begin(who, guarded=False)
            self.server.run(f"RELEASE {point[0]}")
            self.universe.released(who, point[0])
            self.universe.succeeded(who, writes=False)
            self.expected.savepoints[who].pop()

    def rollback_to(self, who):
        point = self._own_savepoint(who)
        if point:
            self.universe.check_savepoint(who, point[0])
            self.begin(who, guarded=False)
            self.server.run(f"ROLLBACK TO {point[0]}")
            self.universe.rolled_back_to(who, point[0])
            self.universe.succeeded(who, writes=False)
            self.expected.pending[who] = set(point[1])
            self.expected.failed.discard(who)

    def commit(self, who):
        if who in self.expected.pending:
            self.server.send(self.universe.before_commit(who))
            self.server.send(self.universe.commit(who))
            rows = self.expected.pending.pop(who)
            if who not in self.expected.failed:
                self.expected.committed |= rows
            self._forget(who)

    def rollback(self, who):
        if who in self.expected.pending:
            self.server.send(self.universe.rollback(who))
            del self.expected.pending[who]
            self._forget(who)

    def _forget(self, who):
        self.expected.failed.discard(who)
        self.expected.savepoints.pop(who, None)

    def check(self):
        """Rows of a failed transaction may stand or be gone: it can only roll back."""
        pending, failed = self.expected.pending, self.expected.failed
        sure = self.expected.committed.union(*(r for w, r in pending.items() if w not in failed))
        maybe = sure.union(*(pending[who] for who in failed if who in pending))
        if not self.server.aborted:
            assert sure <= set(self.server.rows) <= maybe


ACTIONS = ["read", "write", "error", "savepoint", "release", "rollback_to", "commit", "rollback"]
PROGRAMS = st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(0, 2)), max_size=25)


def _play(world, program):
    """Run a program; True if the universe represented all of it."""
    for action, who in program:
        try:
            getattr(world, action)(who)
        except NotFaithfulError:
            return False
        world.check()
    return True


@settings(max_examples=600, deadline=None)
@given(PROGRAMS)
def test_every_program_ends_as_on_connections_of_its_own_or_is_refused(program):
    world = World()
    world.universe.enter("test")
    _play(world, program)
    world.server.send(world.universe.leave())
    assert world.server.rows == frozenset()
    assert not world.server.begun


@settings(max_examples=300, deadline=None)
@given(PROGRAMS, PROGRAMS, PROGRAMS)
def test_a_test_leaves_the_rows_of_a_shared_fixture_as_they_were(fixture, first, second):
    world = World()
    world.universe.enter("module")
    if not _play(world, fixture) or world.server.aborted:
        return
    rows, expected = world.server.rows, world.expected
    for program in (first, second):
        world.universe.enter("test")
        world.expected = Expectation(
            set(expected.committed),
            {who: set(rows) for who, rows in expected.pending.items()},
            set(expected.failed),
            {who: list(points) for who, points in expected.savepoints.items()},
        )
        _play(world, program)
        world.server.send(world.universe.leave())
        assert world.server.rows == rows
    world.server.send(world.universe.leave())
    assert world.server.rows == frozenset()


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(ACTIONS), max_size=20))
def test_one_connection_alone_is_never_refused(actions):
    world = World()
    assert _play(world, [(action, 0) for action in actions])


def test_an_undo_finds_its_own_savepoint_among_those_of_one_name():
    world = World()
    world.universe.enter("module")
    _play(world, [("savepoint", 0)])
    world.universe.enter("test")
    world.expected = Expectation(pending={0: set()}, savepoints={0: [("sp0", set())]})
    steps = [("savepoint", 2), ("commit", 0), ("error", 2), ("read", 0), ("commit", 2)]
    assert _play(world, steps)


def test_a_scope_does_not_return_to_a_savepoint_that_the_app_named():
    world = World()
    world.universe.enter("module")
    _play(world, [("savepoint", 0), ("write", 1), ("commit", 1), ("commit", 0)])
    rows = world.server.rows
    world.universe.enter("test")
    world.expected = Expectation(set(world.expected.committed))
    _play(world, [("savepoint", 1), ("write", 1), ("savepoint", 1), ("commit", 1)])
    world.server.send(world.universe.leave())
    assert world.server.rows == rows


def _sent(world, method, who=1):
    before = world.server.messages
    getattr(world, method)(who)
    return world.server.messages - before


def test_the_first_transaction_of_a_test_has_no_savepoint():
    universe = Universe()
    assert universe.statement(1) == ["BEGIN"]
    universe.succeeded(1, writes=True)
    assert universe.commit(1) == []


def test_a_later_transaction_pays_for_the_release_of_the_one_before():
    universe = Universe()
    for _ in range(2):
        universe.statement(1)
        universe.succeeded(1, writes=True)
        universe.commit(1)
    release, savepoint = universe.statement(1)
    assert release.startswith("RELEASE assay_")
    assert savepoint.startswith("SAVEPOINT assay_")


def test_a_commit_sends_nothing_unless_constraints_may_be_deferred():
    plain, deferring = Universe(), Universe(deferrable=True, redefer='SET CONSTRAINTS "c" DEFERRED')
    for universe in (plain, deferring):
        universe.statement(1)
        universe.succeeded(1, writes=True)
    assert plain.before_commit(1) == []
    assert deferring.before_commit(1) == ["SET CONSTRAINTS ALL IMMEDIATE"]
    deferring.commit(1)
    assert 'SET CONSTRAINTS "c" DEFERRED' in deferring.statement(1)


def test_a_scope_in_which_nothing_ran_costs_nothing():
    universe = Universe()
    universe.enter("test")
    assert universe.leave() == []


def test_a_savepoint_never_outlives_its_transaction():
    """Two thousand open savepoints make each statement many times slower."""
    world = World()
    for _ in range(50):
        world.write(1)
        world.commit(1)
    assert len(world.server.stack) <= 1


def test_a_rollback_that_would_take_anothers_rows_is_refused():
    world = World()
    world.write(1)
    world.write(2)
    world.commit(2)
    with pytest.raises(NotFaithfulError, match="another connection wrote"):
        world.rollback(1)


def test_a_read_only_transaction_gets_a_savepoint_that_ends_it():
    universe = Universe()
    assert universe.statement(1, read_only=True)[-1] == "SET TRANSACTION READ ONLY"
    universe.succeeded(1, writes=False)
    universe.commit(1)
    assert universe.statement(2)[0].startswith("RELEASE ")
