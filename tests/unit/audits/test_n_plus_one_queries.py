from tests.recordings.builder import RecordingBuilder

from flask_assay.diagnosis import diagnose
from flask_assay.model.finding import Outcome


def result_of(recording, audit_id="n-plus-one-queries"):
    return next(r for r in diagnose(recording).results if r.audit == audit_id)


def build(
    path, *, rows, sql="SELECT c.id FROM c WHERE c.id = ?", detail="", same=False, loop=None, each=1
):
    builder = RecordingBuilder(path)
    for number in range(40):
        with builder.request("GET /orders") as request:
            count = rows(number)
            request.query(
                "SELECT o.id FROM o LIMIT ?", rows=count, digest=9, site="shop/views.py:10 orders"
            )
            for k in range(loop if loop is not None else count):
                request.query(
                    sql,
                    rows=each,
                    digest=7 if same else k + 1,
                    site="shop/views.py:12 orders",
                    detail=detail,
                )
            request.work(3)
    return builder.write()


def test_a_lazy_load_per_row_is_found_at_its_line_with_its_relationship(tmp_path):
    result = result_of(build(tmp_path, rows=lambda n: 10 + n % 5, detail="Order.customer"))
    [finding] = result.findings
    assert str(finding.place) == "shop/views.py:12"
    assert finding.remedies[0].intervention == "eager-load"
    assert finding.remedies[0].parameters["relationship"] == "Order.customer"
    assert finding.cost_s > 0


def test_a_collection_of_many_rows_is_loaded_per_row_as_well_and_a_large_slice_is_not(tmp_path):
    for detail, outcome in (("Shop.orders", Outcome.FAILED), ("", Outcome.PASSED)):
        place = tmp_path / (detail or "slices")
        place.mkdir()
        recording = build(place, rows=lambda n: 12, each=400, detail=detail)
        assert result_of(recording).outcome is outcome


def test_a_page_of_constant_size_is_found_since_the_count_equals_the_rows(tmp_path):
    assert result_of(build(tmp_path, rows=lambda n: 20)).outcome is Outcome.FAILED


def test_a_fixed_number_of_different_queries_is_no_loop(tmp_path):
    assert result_of(build(tmp_path, rows=lambda n: 400, loop=6)).outcome is Outcome.PASSED


def test_chunks_with_in_lists_are_no_loop(tmp_path):
    sql = "SELECT c.id FROM c WHERE c.id IN (?)"
    assert result_of(build(tmp_path, rows=lambda n: 10 + n % 5, sql=sql)).outcome is Outcome.PASSED


def test_keyset_pages_are_no_loop(tmp_path):
    sql = "SELECT c.id FROM c WHERE c.tenant = ? AND c.id > ? ORDER BY c.id LIMIT ?"
    assert result_of(build(tmp_path, rows=lambda n: 10 + n % 5, sql=sql)).outcome is Outcome.PASSED


def test_retries_with_the_same_parameters_are_no_loop(tmp_path):
    assert (
        result_of(build(tmp_path, rows=lambda n: 10 + n % 5, same=True)).outcome is Outcome.PASSED
    )


def test_a_range_is_no_key(tmp_path):
    sql = "SELECT count(*) FROM c WHERE c.at >= ? AND c.at != ?"
    assert result_of(build(tmp_path, rows=lambda n: 20, sql=sql)).outcome is Outcome.PASSED


def test_a_key_on_the_right_side_of_a_comparison_counts(tmp_path):
    sql = "SELECT c.id FROM c WHERE ? = c.order_id"
    assert result_of(build(tmp_path, rows=lambda n: 20, sql=sql)).outcome is Outcome.FAILED


def test_routes_with_the_same_loop_are_one_finding(tmp_path):
    builder = RecordingBuilder(tmp_path)
    for number in range(60):
        with builder.request(f"GET /list{number % 3}") as request:
            request.query("SELECT o.id FROM o LIMIT ?", rows=12, digest=9)
            for k in range(12):
                request.query(
                    "SELECT c.id FROM c WHERE c.id = ?",
                    digest=k + 1,
                    site="shop/json.py:4 dump",
                    detail="Order.customer",
                )
    [finding] = result_of(builder.write()).findings
    assert len(finding.routes) == 3
    assert len({remedy.parameters["endpoint"] for remedy in finding.remedies}) == 3


def test_what_a_lazy_load_brings_with_it_is_part_of_it(tmp_path):
    lazy = "SELECT i.id FROM i, io WHERE ? = io.o_id AND i.id = io.i_id ORDER BY i.at"
    eager = (
        "SELECT l.id, a.id FROM (SELECT i.id AS id FROM i, io WHERE ? = io.o_id AND i.id = io.i_id) "
        "AS a JOIN l ON l.i_id = a.id"
    )
    builder = RecordingBuilder(tmp_path)
    for _ in range(40):
        with builder.request("GET /orders") as request:
            request.query("SELECT o.id FROM o LIMIT ?", rows=12, digest=9)
            for number in range(12):
                where = {"digest": number + 1, "site": "shop/views.py:12 orders"}
                request.query(lazy, detail="Order.items", **where)
                request.query(eager, **where)
                request.query("SELECT x.id FROM x WHERE x.id = ?", **where)
            request.work(3)
    found = {finding.sql for finding in result_of(builder.write()).findings}
    assert found == {lazy, "SELECT x.id FROM x WHERE x.id = ?"}


def test_the_statement_that_a_loop_runs_over_is_not_one_of_the_loop(tmp_path):
    builder = RecordingBuilder(tmp_path)
    for _ in range(40):
        with builder.request("GET /orders") as request:
            request.query("SELECT o.id FROM o LIMIT ?", rows=12, digest=9)
            for number in range(12):
                where = {"digest": number + 1, "site": "shop/views.py:12 orders"}
                request.query("SELECT a.id FROM a WHERE a.id = ?", detail="O.a", rows=1, **where)
                request.query("SELECT b.id FROM b WHERE ? = b.o_id", detail="O.b", rows=2, **where)
            request.work(3)
    details = [finding.detail for finding in result_of(builder.write()).findings]
    assert len(details) == 2
    assert all(": SELECT o.id FROM o LIMIT ?" in detail for detail in details)
