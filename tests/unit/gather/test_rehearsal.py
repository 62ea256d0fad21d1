"""Journeys that do not end are left out, with the reason; failing ones stay."""

import http.server
import threading

import pytest

from flask_assay.gather import rehearsal
from flask_assay.gather.looks import Looks
from flask_assay.load.plan import Exchange, Journey
from flask_assay.load.transcript import read_transcripts
from flask_assay.model.owned import AllowedTarget
from flask_assay.model.rows import ClientFlag, Phase
from flask_assay.recording.reader import Recording


class Handler(http.server.BaseHTTPRequestHandler):
    asked = []  # noqa: RUF012

    def do_GET(self):
        number = self.headers["X-Assay-Request"]
        self.asked.append((self.path, self.headers["Cookie"], bool(number)))
        if self.path == "/hang":
            self.server.released.wait(60)
            return
        if self.path == "/slow":
            self.server.released.wait(1.0)
        if self.path == "/behind":
            self.server.behind.wait(60)
        self.send_response(self.status())
        kind = "text/event-stream" if self.path == "/events" else "text/plain"
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(b"data")

    def status(self):
        kind, _, owner = self.path.removeprefix("/").partition("-")
        entitled = {"own": owner, "done": owner, "staff": "staff"}.get(kind)
        if owner and self.headers["Cookie"] != entitled:
            return 302 if kind == "sent" else 404
        if kind == "done":
            return 302
        if self.path == "/staff" and self.headers["Cookie"] != "staff":
            return 403
        return {"/fails": 500, "/nobody": 302, "/moved": 308, "/limited": 429, "/rows/1": 404}.get(
            self.path, 200
        )

    def log_message(self, *given):
        pass


@pytest.fixture
def target():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Handler.asked.clear()
    server.released, server.behind = threading.Event(), threading.Event()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield AllowedTarget("http", "127.0.0.1", server.server_port, "test")
    server.released.set()
    server.behind.set()
    server.shutdown()
    thread.join()
    server.server_close()


def test_what_does_not_end_is_left_out_and_what_fails_is_kept(target, monkeypatch):
    monkeypatch.setattr(rehearsal, "_LONGEST_S", 0.3)
    journeys = [
        Journey(path, "GET", (Exchange(path),)) for path in ("/", "/fails", "/events", "/hang")
    ]
    kept, left_out = rehearsal.rehearse(journeys, target)
    assert [journey.rule for journey in kept] == ["/", "/fails"]
    assert "stream of events" in left_out["GET /events"]
    assert "within 0.3 s" in left_out["GET /hang"]


def test_who_is_served_comes_first_and_everybody_stays(target):
    users = [{"Cookie": name} for name in ("guest", "staff", "other")]
    journeys = [
        Journey("/staff", "GET", tuple(Exchange("/staff", user) for user in users)),
        Journey("/nobody", "GET", tuple(Exchange("/nobody", user) for user in users)),
        Journey("/rows/<id>", "GET", (Exchange("/rows/1"), Exchange("/rows/2"))),
    ]
    (staff, nobody, rows), _ = rehearsal.rehearse(journeys, target)
    assert staff.exchanges[0].headers == {"Cookie": "staff"}
    for kept, derived in ((staff, journeys[0]), (nobody, journeys[1]), (rows, journeys[2])):
        assert sorted(map(str, kept.exchanges)) == sorted(map(str, derived.exchanges))
    assert rows.exchanges[0].path == "/rows/2"


@pytest.mark.parametrize(
    ("kind", "first"),
    [
        ("own", ["own-a", "own-b", "own-staff", "own-x"]),
        ("done", ["done-a", "done-b", "done-staff", "done-x"]),
        ("staff", ["staff-x"]),
        ("nobody", ["nobody-x"]),
        ("sent", ["sent-x"]),
    ],
)
def test_users_ask_for_their_own_rows_where_they_are_refused_those_of_others(target, kind, first):
    users = ("a", "b", "staff")
    asked = [Exchange(f"/{kind}-{whose}", {"Cookie": user}) for whose in "xyz" for user in users]
    own = [Exchange(f"/{kind}-{user}", {"Cookie": user}) for user in users]
    journey = Journey("/<row>", "GET", tuple(asked))
    [kept], _ = rehearsal.rehearse([journey], target, own={"GET /<row>": own})
    paths = [each.path.removeprefix("/") for each in kept.exchanges]
    assert paths[: len(first)] == first
    assert len(paths) == (5 if kind in {"own", "done"} else len(asked))


def test_own_rows_are_asked_for_when_there_is_no_time_for_others(target, monkeypatch):
    monkeypatch.setattr(rehearsal, "_TRYING_S", 0.0)
    asked = [Exchange(f"/own-{whose}", {"Cookie": "a"}) for whose in "xyz"]
    own = {"GET /<row>": [Exchange("/own-a", {"Cookie": "a"})]}
    journey = Journey("/<row>", "GET", tuple(asked))
    [kept], _ = rehearsal.rehearse([journey], target, own=own)
    assert [each.path for each in kept.exchanges] == ["/own-a", "/own-x"]


@pytest.mark.parametrize(("path", "count"), [("/nobody", 3), ("/moved", 1), ("/limited", 1)])
def test_others_are_asked_only_where_who_asks_may_matter(target, tmp_path, path, count):
    looks = Looks(tmp_path, tmp_path)
    users = tuple(Exchange(path, {"Cookie": name}) for name in ("a", "b", "c"))
    rehearsal.rehearse([Journey(path, "GET", users)], target, looks=looks)
    looks.close()
    [file] = Recording(tmp_path).load_files
    assert len(file.clients) == count


def test_each_user_comes_once_before_anything_counts(target, tmp_path):
    looks = Looks(tmp_path, tmp_path)
    journeys = [
        Journey(path, "GET", tuple(Exchange(path, {"Cookie": user}) for user in "abab"))
        for path in ("/long/<id>", "/page", "/x")
    ]
    rehearsal.rehearse(journeys, target, looks=looks)
    looks.close()
    assert Handler.asked == [
        ("/x", "a", False), ("/x", "b", False),
        ("/long/<id>", "a", True), ("/page", "a", True), ("/x", "a", True),
    ]  # fmt: skip


def test_what_was_asked_is_a_part_of_the_recording_and_can_be_asked_again(target, tmp_path):
    looks = Looks(tmp_path, tmp_path)
    journeys = [
        Journey("/staff", "GET", tuple(Exchange("/staff", {"Cookie": u}) for u in ("a", "staff"))),
        Journey("/fails", "GET", (Exchange("/fails"),)),
        Journey("/events", "GET", (Exchange("/events"),)),
    ]
    kept, _ = rehearsal.rehearse(journeys, target, looks=looks)
    looks.close()
    assert kept[0].look_s > 0
    [file] = Recording(tmp_path).load_files
    assert [(row.name, row.status) for row in file.clients] == [
        ("/staff", 403), ("/staff", 200), ("/fails", 500), ("/events", 200),
    ]  # fmt: skip
    assert {row.phase for row in file.clients} == {Phase.SETUP}
    assert len({row.request_id for row in file.clients}) == 4
    said = read_transcripts(tmp_path)
    assert [each.request_id for each in said] == [row.request_id for row in file.clients]
    assert said[1].headers == (("Cookie", "staff"),)


def test_who_was_not_answered_is_told_apart(target, tmp_path, monkeypatch):
    monkeypatch.setattr(rehearsal, "_LONGEST_S", 0.3)
    looks = Looks(tmp_path, tmp_path)
    rehearsal.rehearse([Journey("/hang", "GET", (Exchange("/hang"),))], target, looks=looks)
    looks.close()
    [file] = Recording(tmp_path).load_files
    [row] = file.clients
    assert (row.status, row.flags) == (0, ClientFlag.NO_RESPONSE)
    assert file.counters["exchanges_unanswered"] == 1
    assert read_transcripts(tmp_path) == []


def test_there_is_patience_for_slow_routes_as_long_as_it_lasts(target, monkeypatch):
    monkeypatch.setattr(rehearsal, "_LONGEST_S", 0.3)
    slow = Journey("/slow", "GET", (Exchange("/slow"),))
    kept, left_out = rehearsal.rehearse([slow], target, patience_s=60.0)
    assert ([each.name for each in kept], left_out) == (["GET /slow"], {})
    assert kept[0].look_s >= 1
    hang = Journey("/hang", "GET", (Exchange("/hang"),))
    kept, left_out = rehearsal.rehearse([hang], target, patience_s=0.2)
    assert kept == ()
    assert "within 0.5 s" in left_out["GET /hang"]


def test_what_waits_behind_a_slow_route_is_kept_and_soon_nobody_is_asked(target, monkeypatch):
    monkeypatch.setattr(rehearsal, "_LONGEST_S", 0.3)
    hang = Journey("/hang", "GET", (Exchange("/hang"),))
    behind = [Journey(f"/behind/{n}", "GET", (Exchange("/behind"),)) for n in range(2)]
    unasked = Journey("/events", "GET", (Exchange("/events"),))
    kept, left_out = rehearsal.rehearse([hang, *behind, unasked], target)
    assert list(left_out) == ["GET /hang"]
    assert kept == (*behind, unasked)
