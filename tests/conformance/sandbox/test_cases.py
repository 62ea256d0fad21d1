"""Each case in the rollback gear shows what a database of its own shows, or says that it cannot."""

import pytest
from tests.conformance.sandbox.cases import CASES
from tests.conformance.sandbox.harness import Ours, as_data, judge, make_template

pytestmark = pytest.mark.services


@pytest.fixture(scope="module", params=["psycopg2", "psycopg"])
def driver(request):
    return request.param


@pytest.fixture(scope="module")
def template(server, driver):
    return make_template(server, driver)


@pytest.fixture(scope="module")
def oracle_verdicts(server, template, driver):
    """What each case comes to on a clone of its own, with real commits."""
    oracle = Ours(server, template, driver, "clone")
    verdicts = {name: oracle.run(case) for name, case in CASES.items()}
    oracle.close()
    return verdicts


@pytest.fixture(scope="module")
def rollback(oracle_verdicts, server, template, driver):
    ours = Ours(server, template, driver, "rollback")
    yield ours
    ours.close()


@pytest.mark.parametrize("name", CASES)
def test_a_case_is_right_or_announced(name, rollback, oracle_verdicts):
    verdict = rollback.run(CASES[name])
    result = judge(oracle_verdicts[name], verdict)
    seen, wanted = as_data(verdict.outcome), as_data(oracle_verdicts[name].outcome)
    assert result in {"right", "said so", "doubted"}, f"{result}: {seen!r}, oracle {wanted!r}"
