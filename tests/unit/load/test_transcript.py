"""The transcript of a load: every request, in order, for its owner's eyes."""

import stat

from flask_assay.load import transcript
from flask_assay.load.transcript import Heard, Said, Transcript, read_transcripts


def said(number, *, headers=(("Cookie", "a=1"),), body=b""):
    return Said(number, number * 10, "POST", f"/{number}", headers, body, 200)


def test_what_was_sent_comes_back_in_the_order_of_sending(tmp_path):
    one, other = Transcript(tmp_path, 1), Transcript(tmp_path, 2)
    one.add(said(3, body=b"\x00\xff"))
    one.flush()
    one.add(said(1, headers=(("Cookie", "b=2"),)))
    other.add(said(2))
    for each in (one, other):
        each.flush()
    found = read_transcripts(tmp_path)
    assert [each.request_id for each in found] == [1, 2, 3]
    assert found[2].body == b"\x00\xff"
    assert found[0].headers == (("Cookie", "b=2"),)


def test_what_an_answer_handed_out_comes_back_with_its_request(tmp_path):
    heard = Heard(302, ("sid=a; Path=/", "b=c"), "/orders/41", b"\x00\xff")
    book = Transcript(tmp_path, 1)
    book.add(said(1)._replace(heard=heard))
    book.add(said(2))
    book.flush()
    assert [each.heard for each in read_transcripts(tmp_path)] == [heard, None]


def test_headers_of_the_connection_are_left_out(tmp_path):
    book = Transcript(tmp_path, 1)
    book.add(said(1, headers=(("Host", "x"), ("X-Assay-Request", "7"), ("Accept", "*/*"))))
    book.flush()
    assert read_transcripts(tmp_path)[0].headers == (("Accept", "*/*"),)


def test_only_its_owner_may_read_it(tmp_path):
    book = Transcript(tmp_path, 1)
    book.add(said(1))
    book.flush()
    (path,) = tmp_path.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_it_ends_where_it_would_grow_too_large(tmp_path, monkeypatch):
    monkeypatch.setattr(transcript, "BYTES_LIMIT", 300)
    book = Transcript(tmp_path, 1)
    for number in range(1, 50):
        book.add(said(number))
    book.flush()
    assert book.is_full
    found = [each.request_id for each in read_transcripts(tmp_path)]
    assert found == list(range(1, len(found) + 1))
    assert 1 < len(found) < 20


def test_a_torn_last_line_costs_that_line_only(tmp_path):
    book = Transcript(tmp_path, 1)
    book.add(said(1))
    book.flush()
    (path,) = tmp_path.iterdir()
    with path.open("a") as file:
        file.write('[2, 20, "GE')
    assert [each.request_id for each in read_transcripts(tmp_path)] == [1]
