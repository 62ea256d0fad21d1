"""How a finding is named on the command line of ``assay fix``."""

import pytest

from flask_assay.cli.fix import _chosen
from flask_assay.errors import UsageError
from flask_assay.model.finding import Finding, Severity

FINDINGS = [
    Finding("missing-index", "orders(user_id)", Severity.ERROR, "t", ("GET /orders", "GET /a")),
    Finding("missing-index", "orders(id)", Severity.ERROR, "t", ("GET /orders",)),
]


def test_a_finding_has_a_number_a_key_and_where_it_is_the_only_one_a_route():
    for wanted in ("1", "missing-index:orders(user_id)", "missing-index:GET /a"):
        assert _chosen(wanted, FINDINGS) is FINDINGS[0]


@pytest.mark.parametrize(
    ("wanted", "what", "why"),
    [
        (
            "missing-index:GET /orders",
            "2 findings are named",
            "orders(user_id)\nmissing-index:orders",
        ),
        ("missing-index:orders", "no findings are named", "The nearest are:\nmissing-index:"),
        ("3", "no findings are named", ""),
        ("0", "no findings are named", ""),
    ],
)
def test_a_name_of_none_or_of_several_is_told(wanted, what, why):
    with pytest.raises(UsageError, match=what) as told:
        _chosen(wanted, FINDINGS)
    assert why in told.value.why
    assert "1 to 2" in told.value.todo
