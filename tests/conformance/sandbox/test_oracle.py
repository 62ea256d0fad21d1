"""The oracle of the cases, made again: what each comes to on a database of its own."""

import json
from pathlib import Path

import pytest
from tests.conformance.sandbox.cases import CASES
from tests.conformance.sandbox.harness import Ours, as_data, make_template

pytestmark = [pytest.mark.services, pytest.mark.slow]

ORACLE = json.loads((Path(__file__).parent / "oracle.json").read_text())


@pytest.mark.parametrize("driver", ["psycopg2", "psycopg"])
def test_the_oracle_is_what_a_real_database_says(server, driver):
    oracle = Ours(server, make_template(server, driver), driver, "clone")
    outcomes = {name: as_data(oracle.run(case).outcome) for name, case in CASES.items()}
    oracle.close()
    assert outcomes == ORACLE[driver]
