"""Which functions are hot, and which are not the function's fault."""

import pytest
from tests.recordings.builder import RecordingBuilder

from flask_assay.artifacts.view import Given, View
from flask_assay.audits.checks import hot_function
from flask_assay.audits.sampled_cpu import REQUESTS_MIN

VIEW = "shop/prices.py:36 price"
HASHING = f"price;{VIEW};werkzeug:check_password_hash;werkzeug:_hash_internal"
SQL = "SELECT p.id FROM prices p"


@pytest.fixture
def build(tmp_path):
    return RecordingBuilder(tmp_path)


def findings(build, stacks, *, route="GET /price", rows=1, count=REQUESTS_MIN, query_ms=1):
    build.stacks = stacks
    for _ in range(count):
        with build.request(route, endpoint="price") as request:
            request.query(SQL, rows=rows, ms=query_ms)
            request.work(20)
    view = View(build.write())
    return hot_function.audit(Given(view, hot_function.META.needs))


def test_the_call_of_a_slow_library_is_found_at_its_line(build):
    (found,) = findings(build, {HASHING: 180_000, f"price;{VIEW}": 20_000})
    assert str(found.place) == "shop/prices.py:36"
    assert "werkzeug:check_password_hash" in found.detail


def test_the_heaviest_line_of_the_function_is_named(build):
    stacks = {f"price;shop/text.py:{line} distance": us for line, us in ((9, 40_000), (10, 90_000))}
    (found,) = findings(build, stacks)
    assert str(found.place) == "shop/text.py:10"
    assert "Line 10 alone has 69 %" in found.detail


@pytest.mark.parametrize(
    ("stacks", "options"),
    [
        ({HASHING: 200_000}, {"route": "POST /login"}),  # a sign-in
        ({f"price;{VIEW}": 200_000}, {"rows": 2000}),  # the work of many rows
        ({f"price;{VIEW};sqlalchemy:Query.all": 200_000}, {}),  # what other audits judge
        ({f"price;{VIEW};requests:get;urllib3:urlopen": 200_000}, {}),  # likewise
        ({f"price;{VIEW};json:dumps": 200_000}, {}),  # likewise
        ({f"price;{VIEW}": 200_000}, {"count": REQUESTS_MIN - 1}),  # what is done once
        ({f"price;{VIEW}": 200_000}, {"query_ms": 200}),  # the database is the problem
        ({f"price;{VIEW}": 30_000}, {}),  # few samples
        ({f"price;{VIEW}": 20_000, "price;flask:jsonify": 40_000}, {}),  # an unsure share
        ({f"price;{VIEW}": 50_000, "price;flask:jsonify": 150_000}, {}),  # a small part
    ],
    ids=[
        "sign-in",
        "many rows",
        "database",
        "call",
        "serialiser",
        "few requests",
        "waits",
        "few samples",
        "unsure",
        "small part",
    ],
)
def test_what_is_not_the_functions_fault_is_left_alone(stacks, options, build):
    assert findings(build, stacks, **options) == []
