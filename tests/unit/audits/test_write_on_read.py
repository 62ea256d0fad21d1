"""Routes that write when they are read, and who counts as a reader."""

import pytest
from tests.recordings.builder import RecordingBuilder
from tests.recordings.scenarios import surroundings

from flask_assay.artifacts.view import Given, View
from flask_assay.audits.checks import write_on_read
from flask_assay.model.rows import SpanKind


def findings(tmp_path, *, writing, others):
    build = RecordingBuilder(tmp_path)
    surroundings(build)
    for number, status in enumerate([302] * writing + others):
        with build.request("GET /admin/drop/<id>", status=status) as request:
            if number < writing:
                request.query("DELETE FROM orders WHERE id = ?", rows=1, digest=number + 1,
                              site="shop/admin.py:8 drop")  # fmt: skip
                request.span(SpanKind.COMMIT, ms=1)
            request.work(2)
    return write_on_read.audit(Given(View(build.write()), write_on_read.META.needs))


def test_those_who_have_no_right_do_not_hide_what_others_do(tmp_path):
    [found] = findings(tmp_path, writing=6, others=[403] * 24 + [404] * 2)
    assert found.title == "GET /admin/drop/<id> writes orders each time it is read"
    assert str(found.place) == "shop/admin.py:8"


@pytest.mark.parametrize("status", [200, 302, 404])
def test_those_who_are_answered_and_write_nothing_count(tmp_path, status):
    assert findings(tmp_path, writing=6, others=[status] * 26) == []
