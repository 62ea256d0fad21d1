"""What the learning pass saw becomes findings, and what it could not see becomes none."""

import pytest
from tests.recordings.builder import RecordingBuilder
from tests.recordings.scenarios import (
    counted_in_python,
    eager,
    growing,
    learned,
    learning,
    memo,
    paired,
    record,
    wide_column,
)

from flask_assay.diagnosis import diagnose
from flask_assay.model.finding import Outcome
from flask_assay.model.rows import NO_USER_FRAME

LEARNED = ("unread-rows", "unread-columns", "unused-eager-load")


def found(recording):
    return {
        result.audit: result.findings
        for result in diagnose(recording).results
        if result.audit in LEARNED and result.findings
    }


def test_without_a_learning_pass_they_do_not_apply(tmp_path):
    build = RecordingBuilder(tmp_path)
    with build.request("GET /x"):
        pass
    results = [r for r in diagnose(build.write()).results if r.audit in LEARNED]
    assert {result.outcome for result in results} == {Outcome.NOT_APPLICABLE}
    assert "repeated" in results[0].reason


@pytest.mark.parametrize(
    ("fill", "reader"),
    [
        (counted_in_python, "shop/badges.py"),
        (wide_column, "shop/models.py"),
        (eager, "shop/models.py"),
    ],
)
def test_code_that_reads_past_attributes_is_left_alone(fill, reader, tmp_path):
    def filled(build):
        fill(build)
        build.documents["learning"]["dict_readers"] = [reader]

    assert found(record(tmp_path, filled)) == {}


def test_an_eager_load_below_an_unused_one_is_no_finding_of_its_own(tmp_path):
    def filled(build):
        eager(build)
        groups = build.documents["learning"]["groups"]
        below = {"path": ["Supplier.products", "Product.tags"], "entity": "Tag"}
        groups.append(groups[1] | below)

    [finding] = found(record(tmp_path, filled))["unused-eager-load"]
    assert "Supplier.products" in finding.title


def test_lists_that_are_only_measured_are_unread_rows_however_they_were_loaded(tmp_path):
    site = "shop/authors.py:3 authors"
    parents = learned("GET /a", site, "Author", relationships={"posts": 100})
    children = learned("GET /a", site, "Post", kind="eager", path=["Author.posts"], touched=0)
    statement = "SELECT s.id FROM small s ORDER BY s.id LIMIT ?"
    recording = record(
        tmp_path, lambda b: learning(b, "GET /a", [parents, children], statement=statement)
    )
    assert set(found(recording)) == {"unread-rows"}


def test_the_time_of_the_statement_at_that_line_is_the_cost(tmp_path):
    [finding] = found(record(tmp_path, counted_in_python))["unread-rows"]
    assert finding.cost_per_request_s == pytest.approx(0.004)
    assert finding.sql.startswith("SELECT r.id, r.body")
    assert finding.statement_id == "q1"


def test_single_rows_are_not_worth_a_word(tmp_path):
    def filled(build):
        wide_column(build)
        build.documents["learning"]["groups"][0] |= {"instances": 5, "touched": 5}
        build.documents["learning"]["groups"][0]["columns"] = {
            "body": {"loaded": 5, "read": 0, "bytes": 5_000}
        }

    assert found(record(tmp_path, filled)) == {}


def test_a_growing_process_is_blamed_on_the_global_that_grew_with_it(tmp_path):
    def filled(build):
        growing(build)
        memo(build)

    [finding] = [
        f for f in diagnose(record(tmp_path, filled)).findings if f.audit == "memory-growth"
    ]
    assert str(finding.place) == "shop/labels.py:40"
    assert finding.routes == ("GET /labels",)
    assert "_rendered grew with it" in finding.detail


def test_a_lazy_load_in_a_serialiser_is_placed_where_its_parents_were_loaded(tmp_path):
    def filled(build):
        for number in range(20):
            with build.request("GET /orders") as request:
                count = 10 + number % 7
                request.query("SELECT x.id FROM small x", rows=1, site="shop/views.py:3 orders")
                for k in range(count):
                    request.query(
                        "SELECT c.id FROM customers c WHERE c.id = ?",
                        digest=k + 1,
                        site=NO_USER_FRAME,
                        detail="Order.customer",
                    )
                request.work(3)
        lazy = {"route": "GET /orders", "site": NO_USER_FRAME, "path": ["Order.customer"]}
        origins = [("shop/queries.py:8 recent", 60), (NO_USER_FRAME, 70)]
        loads = [lazy | {"origin": origin, "count": count} for origin, count in origins]
        build.document("learning", {"requests": {}, "groups": [], "lazy_loads": loads})

    [finding] = diagnose(record(tmp_path, filled)).findings
    assert (finding.audit, str(finding.place)) == ("n-plus-one-queries", "shop/queries.py:8")
    assert "the place is where its rows were loaded" in finding.detail
    assert finding.remedies[0].parameters["site"] == "shop/queries.py:8 recent"


def test_objects_in_the_rows_of_others_that_are_read_cost_no_row_of_their_own(tmp_path):
    def filled(build, parents):
        counted_in_python(build)
        groups = build.documents["learning"]["groups"]
        groups.append(groups[0] | {"entity": "Badge", "touched": parents, "instances": parents})

    assert found(record(tmp_path, lambda build: filled(build, 100))) == {}
    (tmp_path / "fewer").mkdir()
    fewer = record(tmp_path / "fewer", lambda build: filled(build, 50))
    assert set(found(fewer)) == {"unread-rows"}


def test_relationships_joined_in_one_statement_are_to_be_loaded_apart(tmp_path):
    results = diagnose(record(tmp_path, paired)).findings
    [finding] = [one for one in results if one.audit == "multiplied-rows"]
    assert "900 rows for 20 objects" in finding.title
    [remedy] = finding.remedies
    assert remedy.intervention == "eager-load"
    assert remedy.parameters["relationships"] == ["Shelf.boxes", "Shelf.labels"]


def test_one_joined_list_multiplies_nothing(tmp_path):
    def one_list(build):
        paired(build)
        groups = build.documents["learning"]["groups"]
        groups[1] |= {"instances": 900 * 5, "touched": 900 * 5}

    found_ids = {one.audit for one in diagnose(record(tmp_path, one_list)).findings}
    assert "multiplied-rows" not in found_ids
