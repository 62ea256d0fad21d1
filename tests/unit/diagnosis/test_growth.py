"""Curves of growth: what the document says of several sizes of the data."""

import pytest
from tests.recordings.builder import RecordingBuilder

from flask_assay.diagnosis import diagnose
from flask_assay.recording.directory import write_document


def entry(route, *blocks):
    points = [
        {
            "scale": scale,
            "request_count": 5,
            "statement_count": 1.0,
            "row_count": 2.0,
            "block_count": count,
            "body_bytes": 10.0,
        }
        for scale, count in zip((0.25, 0.5, 1.0), blocks, strict=True)
    ]
    return {"route": route, "points": points, "statements": []}


def curves(path, *routes):
    build = RecordingBuilder(path)
    with build.request("GET /top"):
        pass
    directory = build.write()
    sizes = [{"scale": s, "row_count": int(4000 * s), "bytes": 1} for s in (0.25, 0.5, 1.0)]
    write_document(directory.path, "growth", {"sizes": sizes, "routes": list(routes)})
    return diagnose(directory).growth


def test_what_grows_most_stands_first_with_its_exponent(tmp_path):
    flat, steep = entry("GET /flat", 10, 10, 10), entry("GET /steep", 10, 20, 40)
    first, second = curves(tmp_path, flat, steep)
    assert (first.route, second.route) == ("GET /steep", "GET /flat")
    assert first.exponent == pytest.approx(1.0)
    assert second.exponent == pytest.approx(0.0)
    assert first.table_rows == (1000, 2000, 4000)
    assert first.blocks == (10, 20, 40)


def test_a_route_that_reads_no_table_has_no_curve(tmp_path):
    assert curves(tmp_path, entry("GET /none", 0, 0, 0)) == ()


def test_a_route_that_reads_at_one_size_only_has_no_exponent(tmp_path):
    (only,) = curves(tmp_path, entry("GET /late", 0, 0, 9))
    assert only.exponent is None
