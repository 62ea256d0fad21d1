"""The cases on the older SQLAlchemy releases, in environments that pip makes here."""

import json
import os
import sys
import venv
from dataclasses import asdict
from pathlib import Path
from subprocess import run

import pytest
from tests.conformance.sandbox.cases import CASES

pytestmark = [pytest.mark.services, pytest.mark.slow]

ROOT = Path(__file__).parents[3]
ORACLE = json.loads((Path(__file__).parent / "oracle.json").read_text())
COMBINATIONS = [("2.0", "psycopg2"), ("2.0", "psycopg"), ("1.4", "psycopg2")]
DISTRIBUTIONS = {"psycopg2": "psycopg2-binary", "psycopg": "psycopg[binary]"}


@pytest.fixture(scope="module", params=COMBINATIONS, ids=" × ".join)
def found(request, server, tmp_path_factory):
    release, driver = request.param
    place = tmp_path_factory.mktemp("venv")
    venv.create(place, with_pip=True)
    python = place / "bin" / "python"
    wanted = [f"sqlalchemy=={release}.*", DISTRIBUTIONS[driver]]
    run([python, "-m", "pip", "install", "-q", *wanted], check=True, timeout=300)
    variables = {
        **{k: v for k, v in os.environ.items() if not k.startswith("COVERAGE_")},
        "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]),
        "ASSAY_CONFORMANCE_SERVER": json.dumps(asdict(server)),
    }
    done = run(
        [python, "-m", "tests.conformance.sandbox.combination", driver, "rollback"],
        capture_output=True,
        text=True,
        env=variables,
        cwd=ROOT,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout.splitlines()[-1])
    assert document["sqlalchemy"].startswith(release)
    return document["found"], ORACLE[driver]


@pytest.mark.parametrize("name", CASES)
def test_a_case_is_right_or_announced(name, found):
    seen, wanted = found[0][name], found[1][name]
    assert not seen["leftover"]
    is_announced = bool(seen["said"])
    assert is_announced or seen["outcome"] == wanted, (seen, wanted, sys.version)
