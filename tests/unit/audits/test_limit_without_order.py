"""Orders that give several rows the same place, where a LIMIT takes a part of them."""

import pytest
from tests.recordings.builder import RecordingBuilder

from flask_assay.artifacts.view import Given, View
from flask_assay.audits.checks import limit_without_order
from flask_assay.model.finding import Severity

SQL = "SELECT i.id FROM incidents i ORDER BY i.date LIMIT ?"


def findings(tmp_path, *, types=("date",), rows=5_000, tied=14, returned=20):
    build = RecordingBuilder(tmp_path)
    for route in ("GET /incidents", "GET /latest"):
        with build.request(route) as request:
            request.query(SQL, rows=returned, site="town/views.py:9 incidents")
    entry = {"statement": SQL, "keys": ["i.date"], "types": list(types), "row_count": rows}
    build.documents["ties"] = {"ties": [entry | {"tied_count": tied}, "torn"]}
    view = View(build.write())
    return limit_without_order.audit(Given(view, limit_without_order.META.needs))


def test_rows_that_share_their_place_are_told_as_a_note(tmp_path):
    [found] = findings(tmp_path)
    assert found.severity is Severity.NOTE
    assert found.routes == ("GET /incidents", "GET /latest")
    assert "i.date, where 14 of 5,000 share" in found.title
    assert str(found.place) == "town/views.py:9"


@pytest.mark.parametrize(
    "told",
    [
        {"tied": 0},
        {"rows": 20},
        {"returned": 1},
        {"types": ["timestamp without time zone"]},
        {"types": ["integer", "timestamp with time zone"]},
    ],
    ids=["none", "all-fit", "one-row", "moment", "moment-too"],
)
def test_an_order_that_decides_or_need_not_is_left_alone(tmp_path, told):
    assert findings(tmp_path, **told) == []
