"""Runs the cases with the SQLAlchemy and driver of one environment; prints JSON.

ASSAY_CONFORMANCE_SERVER='{…}' python -m tests.conformance.sandbox.combination psycopg2 rollback
"""

import json
import sys
import warnings

import sqlalchemy
from tests.conformance.sandbox.cases import CASES
from tests.conformance.sandbox.harness import Ours, as_data, make_template, server_from_environment


def main() -> None:
    warnings.simplefilter("ignore")
    driver, gear = sys.argv[1:3]
    server = server_from_environment()
    template = make_template(server, driver)
    ours = Ours(server, template, driver, gear)
    found = {}
    for name, case in CASES.items():
        verdict = ours.run(case)
        found[name] = {
            "outcome": as_data(verdict.outcome),
            "said": [kind.value for kind in verdict.said],
            "reasons": list(verdict.reasons),
            "leftover": verdict.leftover,
        }
    ours.close()
    print(json.dumps({"sqlalchemy": sqlalchemy.__version__, "found": found}))


if __name__ == "__main__":
    main()
