from tests.recordings.builder import MS, RecordingBuilder
from tests.recordings.scenarios import surroundings

from flask_assay.diagnosis import diagnose


def keys(path, *, busy=0.1, queueing_ms=60, max_connections="100", pool_size=5):
    build = RecordingBuilder(path)
    surroundings(build, pool_size=pool_size)
    build.document(
        "environment",
        {"cpu_count": 2, "postgres": {"settings": {"max_connections": max_connections}}},
    )
    for second in range(40):
        build.samples.append(
            {
                "t_ns": build.now_ns,
                "process": "worker-1",
                "pid": 1,
                "cpu_s": second * busy * 2,
                "rss_bytes": 10**7,
            }
        )
        with build.request("GET /a", gap_ms=985, queueing_ms=queueing_ms) as request:
            request.work(15)
    build.now_ns += MS
    return {one.key for one in diagnose(build.write()).findings if one.audit == "worker-mismatch"}


def test_queueing_on_an_idle_machine_is_found(tmp_path):
    assert keys(tmp_path) == {"queueing"}


def test_queueing_on_a_saturated_machine_is_what_must_happen(tmp_path):
    assert keys(tmp_path, busy=0.97) == set()


def test_short_queueing_is_left_alone(tmp_path):
    assert keys(tmp_path, queueing_ms=2) == set()


def test_pools_that_may_open_more_than_the_server_accepts_are_found(tmp_path):
    assert keys(tmp_path, queueing_ms=1, pool_size=200) == {"max_connections"}
