"""Values over time: what the app's caches found."""

from tests.recordings.builder import RecordingBuilder

from flask_assay.diagnosis import diagnose


def cache_series(path, hits):
    build = RecordingBuilder(path)
    for is_hit in hits:
        with build.request("GET /top", gap_ms=250) as request:
            if is_hit is not None:
                request.cache(hit=is_hit)
    found = [s for s in diagnose(build.write()).series if s.name == "cache_hit_ratio"]
    return found[0] if found else None


def test_the_share_of_cache_reads_that_found_something_is_told_by_the_second(tmp_path):
    series = cache_series(tmp_path, [False] * 8 + [True] * 8)
    assert series.values[0] == 0.0
    assert series.values[-1] == 1.0
    assert len(series.t_s) >= 3


def test_an_app_that_reads_no_cache_has_no_such_line(tmp_path):
    assert cache_series(tmp_path, [None] * 8) is None
