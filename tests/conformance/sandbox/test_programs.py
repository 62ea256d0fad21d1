"""Any program ends as on real connections, or the sandbox says that it cannot show it."""

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from tests.conformance.sandbox.harness import Ours, make_template
from tests.conformance.sandbox.programs import LEAKS, OUTSIDE, PROGRAMS, Pair
from tests.thorough import repetitions

pytestmark = pytest.mark.services

LIMITS = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    "print_blob": False,
}


@pytest.fixture(scope="module", params=["psycopg2", "psycopg"])
def pair(request, server):
    driver = request.param
    template = make_template(server, driver)
    ours = Ours(server, template, driver, "rollback")
    admin = ours.sandbox.admin
    real = admin.clone(template.db, f"real_{driver}")
    owner = admin.connect(real.name)

    def reset():
        cursor = owner.cursor()
        cursor.execute("DELETE FROM note; DELETE FROM account WHERE name <> 'seeded'")
        cursor.close()

    pair = Pair(ours, server.place(real), reset)
    yield pair
    pair.close()
    owner.close()
    assert ours.sandbox.leaked() == []
    ours.close()


@pytest.fixture(scope="module")
def pristine(pair):
    return pair.state()


def _check(pair, program, pristine):
    verdict = pair.run(program)
    assert pair.state() == pristine
    assert verdict in {"right", "said so", "doubted"}, verdict
    if len({who for _, who in program}) == 1 and not any(a == "thread" for a, _ in program):
        assert verdict == "right", f"a false alarm: {verdict}"


@settings(max_examples=60, **LIMITS)
@given(program=PROGRAMS)
def test_a_program_ends_as_on_real_connections(pair, pristine, program):
    _check(pair, program, pristine)


FOUND = [
    [("savepoint", 0), ("set_local", 0), ("rollback_to", 0)],
    [("set_local", 0), ("savepoint", 0), ("rollback_to", 0), ("commit", 0), ("set_local", 1)],
    [("savepoint", 0), ("set_local", 0), ("read", 1), ("rollback_to", 0), ("set_local", 1)],
    [("error", 0), ("error", 1), ("write", 0), ("commit", 1), ("write", 0)],
    [("error", 0), ("error", 1), ("write", 0), ("commit", 0), ("write", 0)],
    [("error", 0), ("savepoint", 0), ("read", 1), ("rollback_to", 0)],
    [("orphan", 0), ("thread", 0)],
    [("read", 0), ("set_local", 1)],
    [("duplicate", 1), ("error", 2), ("write", 2)],
    [("error", 2), ("read", 1), ("write", 0), ("rollback", 0), ("error", 1)],
    [
        ("error", 0),
        ("savepoint", 1),
        ("write", 2),
        ("rollback", 2),
        ("error", 1),
        ("commit", 0),
        ("rollback_to", 1),
    ],
]


@pytest.mark.parametrize("program", FOUND)
def test_a_program_that_once_went_wrong(pair, pristine, program):
    _check(pair, program, pristine)


@pytest.mark.slow
@settings(max_examples=repetitions(1_000, 10_000), **LIMITS)
@given(program=PROGRAMS)
def test_many_programs_end_as_on_real_connections(pair, pristine, program):
    _check(pair, program, pristine)


LEAKING = {
    "program": PROGRAMS,
    "text": st.sampled_from([*LEAKS, OUTSIDE]),
    "who": st.integers(0, 2),
    "at": st.integers(0, 14),
}


def _check_leak(pair, program, text, who, at, pristine):
    assert pair.leak(program, text, who, at)
    assert pair.state() == pristine
    event("the leak was sent" if pair.was_reached else "the program was stopped before it")


@settings(max_examples=20, **LIMITS)
@given(**LEAKING)
def test_an_injected_leak_is_always_caught(pair, pristine, program, text, who, at):
    _check_leak(pair, program, text, who, at, pristine)


@pytest.mark.slow
@settings(max_examples=repetitions(100, 400), **LIMITS)
@given(**LEAKING)
def test_many_injected_leaks_are_all_caught(pair, pristine, program, text, who, at):
    _check_leak(pair, program, text, who, at, pristine)


@pytest.mark.parametrize("text", [*LEAKS, OUTSIDE])
def test_each_kind_of_leak_is_caught(pair, pristine, text):
    assert pair.leak([("write", 0), ("commit", 0)], text, 0, 1)
    assert pair.state() == pristine


def test_a_program_that_was_stopped_in_a_thread_goes_no_further(pair, pristine):
    program = [("orphan", 0), ("thread", 0), ("autocommit", 0)]
    assert pair.leak(program, LEAKS[0], 0, 3)
    assert pair.state() == pristine
