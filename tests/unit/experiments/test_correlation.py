"""Values that an app makes up are sent back as it makes them up now."""

import json

import pytest

from flask_assay.experiments.correlation import Correlation, is_same_answer
from flask_assay.experiments.replay import Answer, SentRequest
from flask_assay.load.transcript import Heard

OLD, NEW = "k3jf92hfa0_-old", "p9vvx01kd7_-new"


def learned(*, path="/login", status=200, **both):
    """Return what is learned from a recorded and a new answer; each value is a pair."""
    (cookies, new_cookies) = both.get("cookies", ((), ()))
    (location, new_location) = both.get("location", ("", ""))
    (body, new_body) = both.get("body", (b"", b""))
    one = Correlation()
    answer = Answer(status, "", new_body, 0.0, location=new_location, cookies=new_cookies)
    one.learn(path, Heard(200, cookies, location, body), answer)
    return one


def request(path="/", headers=(), body=b""):
    return SentRequest("GET /", "GET", path, headers, body, 200)


def of_json(old, new):
    return json.dumps(old).encode(), json.dumps(new).encode()


def test_a_token_of_a_json_answer_is_translated_wherever_it_is_sent():
    one = learned(body=of_json({"who": {"token": OLD}}, {"who": {"token": NEW}}))
    sent = request(f"/a/{OLD}/b?t={OLD}", (("Authorization", f"Bearer {OLD}"),), OLD.encode())
    got = one.translate(sent)
    assert got.path == f"/a/{NEW}/b?t={NEW}"
    assert got.headers == (("Authorization", f"Bearer {NEW}"),)
    assert got.body == NEW.encode()


def test_a_longer_word_that_begins_or_ends_with_a_token_is_another_one():
    one = learned(body=of_json({"token": "abcd-1234"}, {"token": "efgh-5678"}))
    for path in ("/abcd-12345", "/xabcd-1234"):
        assert one.translate(request(path)).path == path


def test_signs_that_forms_and_queries_quote_are_found():
    one = learned(body=of_json({"token": "ab/cd+ef=="}, {"token": "gh/ij+kl=="}))
    assert one.translate(request("/?t=ab%2Fcd%2Bef%3D%3D")).path == "/?t=gh%2Fij%2Bkl%3D%3D"
    assert one.translate(request(body=b'"ab/cd+ef=="')).body == b'"gh/ij+kl=="'


def test_a_session_cookie_is_translated_beside_others():
    one = learned(cookies=((f"sid={OLD}; Path=/",), (f"sid={NEW}; HttpOnly",)))
    sent = request(headers=(("Cookie", f"lang=en; sid={OLD}"),))
    assert one.translate(sent).headers == (("Cookie", f"lang=en; sid={NEW}"),)


def test_a_signed_cookie_that_says_the_same_stays():
    old = "eyJ1c2VyX2lkIjo0fQ.aR8xYw.AAAAAAAAAAAAAAAAAAAAAAAAAAA"
    new = "eyJ1c2VyX2lkIjo0fQ.aR8xZz.BBBBBBBBBBBBBBBBBBBBBBBBBBB"
    one = learned(cookies=((f"session={old}",), (f"session={new}",)))
    assert one.translate(request(headers=(("Cookie", f"session={old}"),))).headers[0][1][8:] == old


def test_a_hidden_field_of_a_form_is_translated():
    page = '<input name="csrf" value="{}"><meta content=\'{}\'>'
    one = learned(body=(page.format(OLD, "a").encode(), page.format(NEW, "b").encode()))
    assert (
        one.translate(request(body=f"csrf={OLD}&a=1".encode())).body == f"csrf={NEW}&a=1".encode()
    )


@pytest.mark.parametrize(
    "answers",
    [
        {"path": "/items", "body": of_json({"id": 41}, {"id": 43})},
        {"path": "/new", "location": ("/items/41", "http://x/items/43")},
    ],
)
def test_the_number_of_what_was_made_is_translated_in_its_collection_only(answers):
    one = learned(**answers)
    assert one.translate(request("/items/41/name?page=41")).path == "/items/43/name?page=41"
    assert one.translate(request("/users/41")).path == "/users/41"
    assert one.translate(request("/items/411")).path == "/items/411"


def test_two_values_that_changed_places_are_both_right():
    one = learned(body=of_json([OLD, NEW], [NEW, OLD]))
    assert one.translate(request(f"/{OLD}/{NEW}")).path == f"/{NEW}/{OLD}"


def test_nothing_is_learned_from_a_refusal_or_from_bodies_that_are_no_match():
    refused = learned(status=401, body=of_json({"token": OLD}, {"token": NEW}))
    other = learned(body=of_json({"token": OLD}, ["words"]))
    binary = learned(body=(b"\xff\x00", b"\xfe"))
    for one in (refused, other, binary):
        assert one.translate(request(f"/{OLD}")).path == f"/{OLD}"


def test_bytes_that_are_no_text_come_out_as_they_went_in():
    one = learned(body=of_json({"token": OLD}, {"token": NEW}))
    body = bytes(range(256))
    assert one.translate(request(body=body)).body == body


@pytest.mark.parametrize(
    ("status", "location", "is_same"),
    [
        (302, "/orders/43", True),
        (302, "http://x/orders/43?a=b", True),
        (302, "/login?next=/orders", False),
        (401, "", False),
    ],
)
def test_a_write_that_leads_to_the_login_was_refused(status, location, is_same):
    heard = Heard(302, (), "/orders/41", b"")
    assert is_same_answer(heard, Answer(status, "", b"", 0.0, location=location)) is is_same
