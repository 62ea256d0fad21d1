"""Which requests of a load are sent again, in which order, and which answers count."""

import http.server
import threading

from tests.recordings.builder import RecordingBuilder

from flask_assay.gather.again import Sender, candidates, send_again
from flask_assay.load.transcript import Said, Transcript
from flask_assay.model.owned import AllowedTarget
from flask_assay.model.rows import RequestFlag


def load_of(tmp_path, *asked, flags=0, ms=1):
    """Return a private directory and a recording of requests (route, path, headers, status)."""
    tmp_path.mkdir(exist_ok=True)
    build = RecordingBuilder(tmp_path / "recording")
    transcript = Transcript(tmp_path, 1)
    for number, (route, path, headers, status) in enumerate(asked, 1):
        with build.request(route, status=status, flags=flags) as request:
            request.idle(ms)
        method = route.split()[0]
        transcript.add(Said(number, number, method, path, headers, b"", status))
    transcript.flush()
    return tmp_path, build.write()


A, B = (("Cookie", "a"),), (("Cookie", "b"),)


def never(number):
    return False


class Answering:
    def __init__(self, statuses):
        self.statuses, self.asked = statuses, []

    def may_succeed(self, said):
        return True

    def send(self, said):
        self.asked.append(said.path)
        return self.statuses.get(said.path, 200), 10


def test_different_urls_come_before_other_users_of_the_same_and_the_latest_first(tmp_path):
    asked = [("GET /x", "/x?1", A, 200), ("GET /x", "/x?1", B, 200), ("GET /x", "/x?2", A, 200),
             ("GET /x", "/x?1", B, 200)]  # fmt: skip
    found = candidates(*load_of(tmp_path, *asked))
    assert [(said.path, said.headers) for said in found["GET /x"]] == [
        ("/x?1", B), ("/x?2", A), ("/x?1", A),
    ]  # fmt: skip


def test_what_was_asked_in_a_session_that_ended_is_there_in_the_users_later_one(tmp_path):
    asked = [("GET /x", "/x", A, 200), ("GET /y", "/y", B, 200)]
    private, recording = load_of(tmp_path, *asked)
    found = candidates(private, recording)
    assert [(said.request_id, said.headers) for said in found["GET /x"]] == [(1, A), (0, B)]


def test_routes_that_write_come_last_and_failures_not_at_all(tmp_path):
    asked = [("POST /x", "/x", A, 201), ("GET /x", "/x", A, 200), ("GET /y", "/y", A, 500)]
    assert list(candidates(*load_of(tmp_path, *asked))) == ["GET /x", "POST /x"]


def test_a_request_that_was_redirected_is_not_taken_for_its_target(tmp_path):
    asked = [("GET /after", "/login", A, 200)]
    private, recording = load_of(tmp_path, *asked)
    transcript = (tmp_path / "transcript-1.jsonl").read_text().replace('"GET"', '"POST"')
    (tmp_path / "transcript-1.jsonl").write_text(transcript)
    assert candidates(private, recording) == {}


def test_answers_that_differ_from_the_load_do_not_count_and_others_are_tried(tmp_path):
    asked = [("GET /x", f"/x?{k}", A, 200) for k in range(8)]
    wanted = candidates(*load_of(tmp_path, *asked))
    sender = Answering({"/x?7": 401, "/x?5": 0})
    assert list(send_again(sender, wanted, 2, never)) == [("GET /x", 10)] * 2
    assert sender.asked == ["/x?7", "/x?6", "/x?5", "/x?4"]


def test_it_stops_asking_where_nothing_is_answered_as_before(tmp_path):
    asked = [("GET /x", f"/x?{k}", A, 200) for k in range(20)]
    wanted = candidates(*load_of(tmp_path, *asked))
    sender = Answering({f"/x?{k}": 404 for k in range(20)})
    assert list(send_again(sender, wanted, 2, never)) == []
    assert len(sender.asked) == 6


def test_who_was_refused_once_is_not_sent_again(tmp_path):
    class Refusing(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        numbers = []  # noqa: RUF012

        def do_GET(self):
            self.numbers.append(self.headers["X-Assay-Request"])
            self.send_response(401 if self.headers["Cookie"] == "a" else 200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *args):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Refusing)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    target = AllowedTarget("http", "127.0.0.1", server.server_port, "started here")
    sender = Sender(target)
    ended, signed_in = (Said(1, 1, "GET", "/x", headers, b"", 200) for headers in (A, B))
    renewal = signed_in._replace(request_id=0, headers=(("Cookie", "a"), ("X", "y")))
    try:
        assert sender.send(ended) == (401, 2)
        assert sender.send(renewal) == (401, 2)
        assert sender.send(signed_in, 7) == (200, 2)
    finally:
        sender.close()
        server.shutdown()
        thread.join()
        server.server_close()
    assert (sender.may_succeed(ended), sender.may_succeed(signed_in)) == (False, True)
    assert sender.may_succeed(renewal)
    assert Refusing.numbers == [None, None, "7"]
    assert sender.send(signed_in) == (0, 0)


def test_each_route_has_its_turn_before_the_time_is_up_and_writes_come_last(tmp_path):
    asked = [(f"{route}", f"/{route[-1]}?{k}", A, 200)
             for route in ("GET /a", "POST /p", "GET /b") for k in range(3)]  # fmt: skip
    wanted = candidates(*load_of(tmp_path, *asked))
    sender, late = Answering({}), iter([False] * 5 + [True] * 9)
    assert len(list(send_again(sender, wanted, 2, lambda number: next(late)))) == 5
    assert [path[1] for path in sender.asked] == ["a", "b", "a", "b", "p"]


def test_the_first_round_may_take_longer_than_the_others(tmp_path):
    asked = [(f"{route}", f"/{route[-1]}?{k}", A, 200)
             for route in ("GET /a", "POST /p", "GET /b") for k in range(3)]  # fmt: skip
    wanted = candidates(*load_of(tmp_path, *asked))
    sender = Answering({})
    assert len(list(send_again(sender, wanted, 3, lambda number: number > 0))) == 3
    assert [path[1] for path in sender.asked] == ["a", "b", "p"]


def test_streams_and_very_long_answers_are_left_out(tmp_path):
    asked = [("GET /x", "/x", A, 200)]
    assert candidates(*load_of(tmp_path / "a", *asked)) != {}
    assert candidates(*load_of(tmp_path / "b", *asked, flags=RequestFlag.STREAMED)) == {}
    assert candidates(*load_of(tmp_path / "c", *asked, ms=6_000)) == {}
