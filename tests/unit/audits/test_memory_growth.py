"""Workers that grow because each route was asked for the first time do not leak."""

import pytest
from tests.recordings.builder import RecordingBuilder
from tests.recordings.scenarios import SCENARIOS

from flask_assay.diagnosis import diagnose


@pytest.mark.parametrize(("further_routes", "is_told"), [(2, True), (60, False)])
def test_a_leak_takes_several_requests_of_each_route(tmp_path, further_routes, is_told):
    build = RecordingBuilder(tmp_path)
    SCENARIOS["memory-growth"][0](build)
    for number in range(further_routes):
        with build.request(f"GET /page/{number}") as request:
            request.work(2)
    audits = {finding.audit for finding in diagnose(build.write()).findings}
    assert ("memory-growth" in audits) == is_told
