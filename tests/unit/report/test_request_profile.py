"""One profiled request, as text."""

import dataclasses

from tests.golden.sample import sample

from flask_assay.model.request_profile import FunctionTime, RequestProfile
from flask_assay.report import request_profile

PROFILE = sample().profile
FOUND = RequestProfile(
    method="GET",
    path="/search/suggest?q=te",
    route="GET /search/suggest",
    statuses={"200": 20},
    body_bytes=2048,
    statement_count=1,
    durations_s=(0.004, 0.006, 0.005),
    cpu_s=0.0045,
    traced_s=0.01,
    functions=(
        FunctionTime("distance", "legacy_shop/text.py:4", 300, 0.003, 0.004),
        FunctionTime("<built-in method builtins.min>", "", 6700, 0.001, 0.001),
    ),
    profile=dataclasses.replace(PROFILE, endpoints=PROFILE.endpoints[:1]),
)


def lines(found=FOUND):
    return request_profile.render(found).splitlines()


def test_the_head_tells_status_duration_and_statements():
    assert lines()[:5] == [
        "GET /search/suggest?q=te  →  200, 2 KB",
        "route       GET /search/suggest",
        "duration    5 ms (median of 3, 4 – 6 ms)",
        "CPU         4.5 ms (mean, all threads of the process)",
        "SQL         1 statement",
    ]


def test_the_tree_is_indented_by_depth_and_names_the_heaviest_line():
    assert "    4.2 s  100 %  search.suggest" in lines()
    assert "      4 s   95 %    suggest  legacy_shop/views/search.py:31" in lines()
    assert "    3.2 s   76 %      distance  legacy_shop/text.py:10" in lines()


def test_functions_stand_by_own_time_and_the_tracer_owns_up():
    text = "\n".join(lines())
    assert "takes 2 times as long" in text
    assert "     3 ms      4 ms      300  distance  legacy_shop/text.py:4" in text


def test_statuses_that_differ_are_counted():
    differing = dataclasses.replace(FOUND, statuses={"201": 1, "409": 41})
    assert lines(differing)[0].endswith("1 × 201, 41 × 409, 2 KB")
