"""Each case in the rollback gear shows what a database of its own shows, or says that it cannot.

``oracle.json`` holds what each case comes to on real connections to a clone of its own;
``test_oracle.py`` makes it again and compares.
"""

import json
from pathlib import Path

import pytest
from tests.conformance.sandbox.cases import CASES, NUMBERS
from tests.conformance.sandbox.harness import Ours, as_data, judge, make_template

pytestmark = pytest.mark.services

ORACLE = json.loads((Path(__file__).parent / "oracle.json").read_text())

SAID = {
    "a_failed_transaction_refuses_statements": "right",
    "literal_commit": "said so",
    "commit_inside_a_string_of_statements": "said so",
    "procedure_that_commits": "said so",
    "listen_and_notify": "said so",
    "two_writers_roll_back_in_the_other_order": "said so",
    "create_index_concurrently": "said so",
    "an_advisory_lock_is_exclusive": "doubted",
    "uncommitted_rows_are_not_seen_elsewhere": "doubted",
    "now_advances": "doubted",
    "skip_locked": "doubted",
    "an_advisory_lock_alone": "right",
    "notify_alone": "right",
    "orm_commit": "right",
}
"""Cases whose verdict is fixed: a sandbox that announced everything would be no use."""


@pytest.fixture(scope="module", params=["psycopg2", "psycopg"])
def driver(request):
    return request.param


@pytest.fixture(scope="module")
def template(server, driver):
    return make_template(server, driver)


@pytest.fixture(scope="module")
def rollback(server, template, driver):
    ours = Ours(server, template, driver, "rollback")
    yield ours
    ours.close()


@pytest.mark.parametrize("name", CASES)
def test_a_case_is_right_or_announced(name, rollback, driver):
    verdict = rollback.run(CASES[name])
    wanted = ORACLE[driver][name]
    result = judge(wanted, verdict)
    seen = as_data(verdict.outcome)
    assert result in {"right", "said so", "doubted"}, f"{result}: {seen!r}, oracle {wanted!r}"
    assert result == SAID.get(name, result)


def test_every_case_of_the_list_that_needs_no_process_is_there():
    """16 to 18 and 30 need processes or gevent; `tests/plugin/sandbox` has them."""
    assert set(NUMBERS.values()) == set(range(1, 30)) - {15, 16, 17, 18}
