import os
import signal
import socket
import time
from itertools import pairwise

import pytest
from tests.run.load_rig import (
    LONGEST_S,
    Rig,
    assert_conserved,
    assert_nothing_lost,
    count,
    gunicorn_target,
    journey,
    make_rig,
    make_supervisor,
    names,
    until_phase,
)

from flask_assay.load.plan import Exchange, Journey
from flask_assay.load.transcript import read_transcripts
from flask_assay.model.owned import AllowedTarget
from flask_assay.model.rows import ClientFlag, Phase
from flask_assay.services.waiting import WaitTimeoutError, wait_until

pytestmark = [pytest.mark.load, pytest.mark.measures]

supervisor = pytest.fixture(scope="module")(make_supervisor)
rig = pytest.fixture(make_rig)

MIXED = """
from locust import HttpUser, FastHttpUser, task, between, tag, events
import locust

seen_by_listener = []

@events.request.add_listener
def on_request(request_type, name, response_time, exception, **kw):
    seen_by_listener.append(name)

class Visitor(BASE):
    wait_time = between(0.001, 0.01)

    def on_start(self):
        self.client.get("/login")

    @task(3)
    def page(self):
        self.client.get("/page?x=1")

    @task
    def grouped(self):
        self.client.get("/items/7", name="/items/[id]")

    @task
    def write(self):
        self.client.post("/items", json={"name": "lamp"})

    @task
    def redirected(self):
        self.client.get("/twice")

    @task
    def fails(self):
        self.client.get("/error")

    @task
    def expected(self):
        with self.client.get("/missing", catch_response=True) as response:
            self.client.get("/inner")
            response.success()

    @task
    def judged(self):
        with self.client.get("/page", catch_response=True) as response:
            response.failure("not what I wanted")

    @task
    def raises_inside(self):
        with self.client.get("/raises", catch_response=True) as response:
            raise KeyError("oops")

    @task
    def raises_outside(self):
        self.client.get("/before")
        raise ValueError("task broke")

    @task
    def forgotten(self):
        self.client.get("/forgotten", catch_response=True)

    @task
    def slow(self):
        self.client.get("/slow?s=0.05", name="/slow")

    @task
    def not_by_client(self):
        import requests
        import urllib.request
        requests.get(self.host + "/requests")
        urllib.request.urlopen(self.host + "/urllib").read()

    def on_stop(self):
        self.client.get("/logout")
"""

BROWSE = """
from locust import HttpUser, FastHttpUser, task, between

class Visitor(BASE):
    wait_time = between(0.001, 0.01)

    @task
    def visit(self):
        WHAT
"""


@pytest.mark.parametrize("base", ["HttpUser", "FastHttpUser"])
def test_every_request_the_server_saw_is_in_the_rows(rig, base):
    told = names(
        "GET /page?x=1", "GET /items/[id]", "POST /items", "GET /twice", "GET /error",
        "GET /missing", "GET /inner", "GET /page", "GET /raises", "GET /before",
        "GET /slow", "GET /requests (not by self.client)", "GET /urllib (not by self.client)",
    )  # fmt: skip

    def everything(rows):  # what nobody asked about is told last
        return told(rows) and "/forgotten" in {path for _, _, path in rig.target.seen()}

    recording = rig.run(MIXED.replace("BASE", base), warm_up_s=1, until=everything)
    rows = recording.client_requests
    assert_conserved(recording, rig.target)
    by_name = {row.name: row for row in rows}
    assert by_name["GET /twice"].exchange_count == 3
    assert by_name["GET /twice"].flags & ClientFlag.REDIRECTED
    assert by_name["GET /twice"].status == 200
    assert by_name["GET /error"].error == "HTTP 500"
    assert by_name["GET /missing"].flags == 0
    assert by_name["GET /page"].error == "not what I wanted"
    assert by_name["GET /raises"].error == "KeyError: 'oops'"
    assert by_name["GET /forgotten"].status == 200
    assert by_name["GET /requests (not by self.client)"].status == 200
    assert by_name["GET /urllib (not by self.client)"].status == 200
    assert "GET /items/[id]" in by_name
    assert by_name["GET /logout"].phase == Phase.DRAIN
    assert {row.phase for row in rows} == {Phase.WARM_UP, Phase.STEADY, Phase.DRAIN}
    assert any("task broke" in group.message for group in rig.last.task_errors)
    assert all(group.name.startswith("locustfile.py:") for group in rig.last.task_errors)


def both(what):
    """Return a locustfile whose two classes, one per client, do the same."""
    parts = [BROWSE.replace("Visitor", name).replace("BASE", base).replace("WHAT", what)
             for name, base in (("Careful", "HttpUser"), ("Fast", "FastHttpUser"))]  # fmt: skip
    return "\n".join(parts)


def test_a_redirect_to_another_host_is_an_answer_and_not_followed(rig):
    text = both('self.client.get("/away", name=type(self).__name__)')
    recording = rig.run(text, until=names("GET Careful", "GET Fast"))
    assert_conserved(recording, rig.target)
    assert {row.name for row in recording.client_requests} == {"GET Careful", "GET Fast"}
    for row in recording.client_requests:
        assert (row.status, row.error, row.exchange_count) == (302, "", 1)


def test_a_request_for_another_host_is_refused_before_it_leaves(rig):
    text = both('self.client.get("http://192.0.2.1/", name=type(self).__name__)')
    recording = rig.run(text, until=names("GET Careful", "GET Fast"))
    assert rig.target.seen() == []
    assert {row.name for row in recording.client_requests} == {"GET Careful", "GET Fast"}
    for row in recording.client_requests:
        assert row.exchange_count == 0
        assert row.status == 0
        assert "192.0.2.1:80 is not the target" in row.error


def test_kept_alive_connections_that_the_server_ends_are_no_failures(tmp_path, supervisor):
    with gunicorn_target(tmp_path, "--threads", "8", "--keep-alive", "1") as target:
        rig = Rig(tmp_path, supervisor, target)
        text = both('self.client.get("/page")').replace("between(0.001, 0.01)", "between(0.9, 1.1)")
        recording = rig.run(text, users=30, until=count(90))
        assert_nothing_lost(recording, target)
        fast = [row for row in recording.client_requests if row.status and row.user]
        assert len(fast) > 60
        assert {row.error for row in fast} == {""}


@pytest.mark.parametrize(
    "options",
    [
        ("--worker-class", "sync"),
        ("--threads", "4", "--max-requests", "40"),
        pytest.param(("--threads", "4"), marks=pytest.mark.slow),
    ],
)
def test_nothing_is_lost_against_gunicorn(tmp_path, supervisor, options):
    with gunicorn_target(tmp_path, *options) as target:
        rig = Rig(tmp_path, supervisor, target)
        assert_nothing_lost(
            rig.run(
                both('self.client.get("/twice"); self.client.post("/w", data={"a": "b"})'),
                until=count(200),
            ),
            target,
        )
        answered = [row for row in rig.recording().client_requests if row.status]
        assert {row.error for row in answered} == {""}


def test_what_the_server_drops_is_counted_as_often_as_it_was_sent(tmp_path, supervisor):
    mount = "    def on_start(self):\n        from requests.adapters import HTTPAdapter\n"
    mount += '        self.client.mount("http://", HTTPAdapter(max_retries=2))\n'
    what = 'self.client.get("/page"); self.client.get("/drop", name=type(self).__name__)'
    stubborn = BROWSE.replace("Visitor", "Stubborn").replace("BASE", "HttpUser")
    text = both(what) + stubborn.replace("WHAT", what) + mount
    with gunicorn_target(tmp_path, "--threads", "8") as target:
        rig = Rig(tmp_path, supervisor, target)
        recording = rig.run(text, users=6, until=names("GET Careful", "GET Fast", "GET Stubborn"))
        assert_conserved(recording, target)
    dropped = [row for row in recording.client_requests if row.name != "GET /page"]
    assert {(row.name, row.exchange_count) for row in dropped} == {
        ("GET Careful", 1),
        ("GET Fast", 2),  # the connection was kept alive, so it might have been stale
        ("GET Stubborn", 3),
    }
    for row in dropped:
        assert row.flags & ClientFlag.FAILED
        assert row.flags & ClientFlag.NO_RESPONSE
        assert row.status == 0
    (file,) = recording.load_files
    assert file.counters["exchanges_unanswered"] == sum(row.exchange_count for row in dropped)


def test_a_stop_in_full_flight_loses_no_request(rig):
    load = rig.start(
        BROWSE.replace("BASE", "FastHttpUser").replace("WHAT", 'self.client.get("/slow?s=0.3")'),
        users=20,
        steady_s=60,
    )
    until_phase(load, "steady")
    load.stop()
    last = load.wait(timeout_s=50)
    assert last.phase == "end"
    assert_conserved(rig.recording(), rig.target)
    phases = [each["phase"] for each in rig.recording().events if each["event"] == "phase"]
    assert phases == ["setup", "warm-up", "steady", "drain", "end"]


def test_a_second_stop_breaks_off_and_still_records_what_was_sent(rig):
    load = rig.start(
        BROWSE.replace("BASE", "HttpUser").replace("WHAT", 'self.client.get("/slow?s=120")'),
        users=5,
        steady_s=60,
        drain_s=120,
    )
    wait_until(lambda: len(rig.target.seen()) == 5, timeout_s=50, what="requests under way")
    load.stop()
    until_phase(load, "drain")
    load.stop()
    load.wait(timeout_s=50)
    assert_conserved(rig.recording(), rig.target)
    for row in rig.recording().client_requests:
        assert row.flags & ClientFlag.NO_RESPONSE
        assert row.flags & ClientFlag.FAILED


def test_a_killed_worker_leaves_readable_rows(rig):
    load = rig.start(
        BROWSE.replace("BASE", "FastHttpUser").replace("WHAT", 'self.client.get("/page")'),
        steady_s=60,
    )
    wait_until(lambda: load.progress().requests > 20, timeout_s=50, what="some requests")
    load.kill()
    load.wait(timeout_s=50)
    assert len(rig.recording().client_requests) >= 20


def test_an_unreachable_target_is_failures_and_no_exchanges(rig):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        target = AllowedTarget("http", "127.0.0.1", unused.getsockname()[1], "closed")
        recording = rig.run(both('self.client.get("/")'), target=target, until=count(60))
    assert rig.last.all_failing
    rows = recording.client_requests
    assert {row.exchange_count for row in rows} == {0}
    assert all("refused" in row.error for row in rows)


def test_journeys_are_named_by_their_route_and_fill_the_transcript(rig):
    journeys = (
        Journey("/items/<int:id>", "GET", (Exchange("/items/1"), Exchange("/items/2?x=1"))),
        journey("/missing"),
        journey("/redirect"),
        journey("/items", "POST", body="{}", headers={"Content-Type": "application/json"}),
    )
    served = names("GET /items/<int:id>", "GET /redirect", "POST /items")
    recording = rig.run(journeys=journeys, think_time_s=(0.001, 0.002), warm_up_s=2, until=served)
    assert_conserved(recording, rig.target)
    by_name = {row.name: row for row in recording.client_requests}
    assert by_name["GET /redirect"].status == 302
    assert by_name["GET /redirect"].error == ""
    assert set(by_name) == {each.name for each in journeys}
    assert any("GET /missing was left out" in note for note in rig.last.notes)
    assert {row.phase for row in recording.client_requests if "missing" in row.name} <= {
        Phase.WARM_UP
    }
    told = read_transcripts(rig.private_dir)
    assert {each.request_id for each in told} == {
        row.request_id for row in recording.client_requests
    }
    assert {each.path for each in told if each.method == "GET"} == {
        "/items/1",
        "/items/2?x=1",
        "/missing",
        "/redirect",
    }
    posts = [each for each in told if each.method == "POST"]
    assert {each.body for each in posts} == {b"{}"}
    assert dict(posts[0].headers)["Content-Type"] == "application/json"


def test_an_open_run_drops_no_arrival_however_slow_the_server(rig):
    slow = journey("/slow?s=0.25")
    recording = rig.run(journeys=(slow,), model="open", rate=40, users=4, steady_s=2)
    rows = recording.client_requests
    assert_conserved(recording, rig.target)
    censored = [row for row in rows if row.flags & ClientFlag.CENSORED]
    started = [row for row in rows if not row.flags & ClientFlag.CENSORED]
    due = sorted(row.due_ns for row in rows)
    gaps = {b - a for a, b in pairwise(due)}
    assert len(rows) == pytest.approx(40 * 2.4, abs=1)
    assert max(gaps) - min(gaps) <= 1
    assert len(censored) > 30
    (file,) = recording.load_files
    assert file.counters["arrivals_censored"] == len(censored)
    assert file.counters["arrivals_started"] == len(started)
    assert all(row.start_ns >= row.due_ns for row in started)
    late = [row.start_ns - row.due_ns for row in started]
    assert max(late) > 0.5e9
    assert {row.exchange_count for row in censored} == {0}


def test_an_open_run_with_a_locustfile_starts_one_task_per_arrival(rig):
    text = BROWSE.replace("BASE", "HttpUser").replace(
        "WHAT", 'self.client.get("/a"); self.client.get("/b")'
    )
    recording = rig.run(text, model="open", rate=25, arrivals="poisson", seed=3)
    assert_conserved(recording, rig.target)
    firsts = [row for row in recording.client_requests if row.name == "GET /a"]
    (file,) = recording.load_files
    assert len(firsts) == file.counters["arrivals_started"] > 0
    assert 10 <= len(firsts) + file.counters["arrivals_censored"] <= 60
    seconds = [row for row in recording.client_requests if row.name == "GET /b"]
    assert all(row.due_ns == row.start_ns for row in seconds)
    assert any(row.due_ns < row.start_ns for row in firsts)


def test_samples_tell_how_busy_and_late_the_generator_was(rig):
    def sampled(_rows):
        return any(each["process"] == "load-generator" for each in rig.recording().samples)

    recording = rig.run(journeys=(journey("/page"),), think_time_s=(0.01, 0.01), until=sampled)
    own = [each for each in recording.samples if each["process"] == "load-generator"]
    assert own
    for each in own:
        assert 0 < each["cpu_ratio"] < 2
        assert each["lag_p99_s"] >= 0


@pytest.mark.slow
def test_an_open_run_tells_the_truth_about_a_stall(rig):
    rate, frozen_s, settled_ns = 40, 1.0, 50_000_000
    load = rig.start(
        journeys=(journey("/page"),), model="open", rate=rate, users=150, warm_up_s=1, steady_s=4
    )
    until_phase(load, "steady")
    os.kill(rig.target.pid, signal.SIGSTOP)
    began = time.monotonic_ns() + settled_ns
    with pytest.raises(WaitTimeoutError):
        wait_until(lambda: False, timeout_s=frozen_s, what="the thaw")
    thaw = time.monotonic_ns()
    os.kill(rig.target.pid, signal.SIGCONT)
    load.wait(timeout_s=LONGEST_S)
    rows = rig.recording().client_requests
    assert_conserved(rig.recording(), rig.target)
    assert not [row for row in rows if row.error]
    # whatever the machine's speed: who was due while nobody answered waited for the thaw
    waited = [row for row in rows if began <= row.due_ns < thaw]
    assert len(waited) == pytest.approx(rate * (thaw - began) / 1e9, abs=1)
    for row in waited:
        assert not row.flags & ClientFlag.CENSORED
        assert row.start_ns + row.wall_ns >= thaw
