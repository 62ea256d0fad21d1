"""The oracle: equal, reordered, volatile and different answers are told apart."""

import hashlib
import json
from dataclasses import replace

import pytest

from flask_assay.experiments.oracle import Oracle, forgiven, worst
from flask_assay.experiments.replay import Answer
from flask_assay.model.effect import OracleVerdict as V


def answer(value, status=200, kind="application/json"):
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return Answer(status, kind, body, 0.001)


@pytest.mark.parametrize(
    ("left", "right", "verdict"),
    [
        ({"a": 1, "b": [1, 2]}, {"b": [1, 2], "a": 1}, V.EQUAL),
        ([{"id": 1}, {"id": 2}], [{"id": 2}, {"id": 1}], V.REORDERED),
        ([{"id": 1}], [{"id": 3}], V.DIFFERENT),
        ([1, 2], [1], V.DIFFERENT),
        ({"a": 1}, {"a": True}, V.DIFFERENT),
        ({"a": None}, {}, V.DIFFERENT),
    ],
)
def test_json_answers_are_compared_by_value(left, right, verdict):
    assert Oracle().compare(answer(left), answer(right))[0] is verdict


def test_what_differs_without_a_change_is_masked_and_named():
    oracle = Oracle()
    oracle.learn(answer({"id": 1, "now": 5}), answer({"id": 1, "now": 6}))
    verdict, detail = oracle.compare(answer({"id": 1, "now": 7}), answer({"id": 1, "now": 9}))
    assert verdict is V.VOLATILE
    assert "$.now" in detail
    assert (
        oracle.compare(answer({"id": 1, "now": 7}), answer({"id": 2, "now": 9}))[0] is V.DIFFERENT
    )


def test_a_server_error_is_worse_than_another_status():
    assert Oracle().compare(answer({}), answer({}, status=500))[0] is V.ERROR
    assert Oracle().compare(answer({}), answer({}, status=404))[0] is V.DIFFERENT
    assert Oracle().compare(answer({}), Answer(0, "", b"", 0.0))[0] is V.ERROR


def test_text_may_differ_in_tokens_only_where_it_does_so_without_a_change():
    page = answer(b"<p>token 1a2b3c4d5e</p>", kind="text/html")
    other = answer(b"<p>token 9f8e7d6c5b</p>", kind="text/html")
    assert Oracle().compare(page, other)[0] is V.DIFFERENT
    oracle = Oracle()
    oracle.learn(page, other)
    assert oracle.compare(page, other)[0] is V.VOLATILE
    assert oracle.compare(page, answer(b"<p>gone</p>", kind="text/html"))[0] is V.DIFFERENT


def test_the_worst_of_many_verdicts_is_the_routes():
    assert worst([(V.EQUAL, ""), (V.ERROR, "x"), (V.REORDERED, "")]) == (V.ERROR, "x")
    assert worst([]) == (V.EQUAL, "")


def test_a_signed_token_is_masked_with_its_short_middle_part():
    one = answer(
        b'<input value="ImQ0ZjE5YzM5YjQ1NzE2.aR5x9Q.Zk3_9-abcdEFGHijklmnopq12">', kind="text/html"
    )
    two = answer(
        b'<input value="ImU1YTI5YzM5YjQ1NzE3.aR5xAg.Qw8_1-bbcdEFGHijklmnopq34">', kind="text/html"
    )
    oracle = Oracle()
    oracle.learn(one, two)
    assert oracle.compare(one, two)[0] is V.VOLATILE


def test_not_modified_is_equal_if_the_client_has_the_body_that_it_would_get():
    etag = hashlib.sha1(b"[1]").hexdigest()
    unchanged = Answer(200, "application/json", b"[1]", 0.1)
    same = Answer(304, "", b"", 0.1, etag=etag)
    assert Oracle().compare(unchanged, same)[0] is V.EQUAL
    other = Answer(200, "application/json", b"[2]", 0.1)
    assert Oracle().compare(other, same)[0] is V.DIFFERENT


def test_an_answer_like_one_of_the_unchanged_app_is_no_change():
    """Where reading writes, who is asked first sees a message as new, and the others do not."""
    new, read = answer(b"<b>1 new</b>", kind="text/html"), answer(b"none", kind="text/html")
    oracle = Oracle()
    oracle.learn(new, read)
    assert oracle.compare(new, read)[0] is V.DIFFERENT
    for same in (read, new):
        assert oracle.compare_with_either(new, read, replace(same))[0] is V.EQUAL
    # the null arm is no proof of itself
    assert oracle.compare_with_either(new, read, read)[0] is V.DIFFERENT
    other = answer(b"nobody", kind="text/html")
    assert oracle.compare_with_either(new, read, other)[0] is V.DIFFERENT


def test_what_the_unchanged_app_shows_of_itself_in_any_launch_is_no_fault_of_a_change():
    """Rows without an order agree by chance in one launch and not in the next."""
    oracle = Oracle()
    found = worst(
        oracle.compare(answer({"id": 1, "n": 1}), answer(other))
        for other in ({"id": 2, "n": 1}, {"id": 1, "n": 1}, {"id": 1, "n": 4})
    )
    assert found == (V.DIFFERENT, "$.id, $.n")
    assert forgiven(found, {"$.id"}) == found
    assert forgiven(found, {"$.id", "$.n", "$.x"}) == (V.VOLATILE, "masked: $.id, $.n")
    assert forgiven((V.ERROR, "no response"), {"no response"})[0] is V.ERROR
