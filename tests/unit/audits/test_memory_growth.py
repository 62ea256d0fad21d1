"""Workers that grow because each route was asked for the first time do not leak."""

import pytest
from tests.recordings.builder import RecordingBuilder
from tests.recordings.scenarios import REQUESTS, SCENARIOS

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


@pytest.mark.parametrize(("pid", "counts"), [(100, [REQUESTS]), (7, [])])
def test_growth_is_shared_out_over_what_the_grown_worker_served(tmp_path, pid, counts):
    build = RecordingBuilder(tmp_path)
    SCENARIOS["memory-growth"][0](build)
    for sample in build.samples:
        sample["pid"] = pid  # all requests of a built recording are of process 100
    (finding,) = (one for one in diagnose(build.write()).findings if one.audit == "memory-growth")
    shared = [one for one in finding.evidence if one.label == "per request that it served"]
    assert [one.n for one in shared] == counts
    assert all(one.value == round(29 * 2**20 / REQUESTS) for one in shared)
