"""The probe under real Gunicorn workers: counts are exact, whatever forks and switches."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from flask_assay.model.rows import SpanKind
from flask_assay.probe import ProbePlan
from flask_assay.recording.reader import Recording
from flask_assay.services.waiting import wait_until

ROOT = Path(__file__).parents[2]
CLIENTS, EACH = 4, 25


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(str(self.path))


def ask(path, url, request_id):
    connection = UnixConnection(path)
    connection.request("GET", url, headers={"X-Assay-Request": str(request_id)})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    assert answer.status == 200, body


def answers_at(path):
    try:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(path))
        return True
    except OSError:
        return False


@pytest.fixture
def serve(tmp_path):
    started = []

    def start(*options):
        plan = ProbePlan(tmp_path, ROOT / "tests")
        environ = {
            name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")
        } | {
            "PROBE_PLAN": plan.to_json(),
            "PROBE_DATABASE": str(tmp_path / "app.db"),
            "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}",
            "PYTHONWARNINGS": "error::DeprecationWarning:gunicorn",
        }
        path = tmp_path / "s"
        command = [sys.executable, "-m", "gunicorn", "-b", f"unix:{path}", "-w", "2", *options]
        # Now and then a preloaded gevent worker sleeps through SIGTERM, with and without the
        # probe: the master kills it then, and what it served must be on disk all the same.
        command += [
            "--graceful-timeout",
            "3",
            "--no-control-socket",
            "tests.conformance.probed_app:app",
        ]
        with (tmp_path / "log").open("wb") as log:
            process = subprocess.Popen(
                command, env=environ, cwd=ROOT, stdout=log, stderr=log, start_new_session=True
            )
        started.append(process)
        wait_until(lambda: answers_at(path), timeout_s=60, what="gunicorn")
        return process, path

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.mark.parametrize("preload", [False, True], ids=["", "preload"])
@pytest.mark.parametrize("worker", ["sync", "gthread", "gevent"])
def test_every_request_and_query_is_counted_once(worker, preload, serve, tmp_path):
    options = ["-k", worker, "--threads", "3"] + ["--preload"] * preload
    process, path = serve(*options)

    answered, unanswered = set(), set()

    def client(number):
        asked = {number * 1000 + i: f"/query/{i}" for i in range(EACH)}
        for request_id, url in {**asked, number * 1000 + 999: "/stream"}.items():
            try:
                ask(path, url, request_id)
                answered.add(request_id)
            except (OSError, http.client.HTTPException):
                unanswered.add(request_id)

    threads = [threading.Thread(target=client, args=(n,)) for n in range(1, CLIENTS + 1)]
    [t.start() for t in threads], [t.join() for t in threads]
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0, (tmp_path / "log").read_text()

    recording = Recording(tmp_path)
    served = [row for row in recording.requests if row.route != "(background)"]
    ids = {row.request_id for row in served}
    assert len(ids) == len(served)
    assert len(answered | unanswered) == CLIENTS * (EACH + 1)
    assert answered <= ids <= answered | unanswered
    # the same sleep, with a request in it: Gunicorn ends such a worker after thirty seconds
    assert len(unanswered) <= (2 * CLIENTS if worker == "gevent" and preload else 0)
    queries = {row.route: set() for row in served}
    for row in served:
        queries[row.route].add(len([span for span in row.spans if span.kind == SpanKind.QUERY]))
    assert queries == {"GET /query/<int:number>": {3}, "GET /stream": {1}}
    if unanswered:
        return
    totals = [file.counters for file in recording.probe_files]
    assert sum(found["requests"] for found in totals) == len(served)
    in_requests = CLIENTS * (EACH * 3 + 1)
    assert sum(found["queries"] for found in totals) == in_requests
    assert all(s["errors"] == 0 for found in totals for s in found["sensors"].values())


def test_what_was_served_before_a_kill_can_be_read(serve, tmp_path):
    process, path = serve("-k", "gthread", "--threads", "2")
    for i in range(1, 11):
        ask(path, f"/query/{i}", i)

    def rows():
        return [r for r in Recording(tmp_path).requests if r.route != "(background)"]

    wait_until(lambda: len(rows()) == 10, timeout_s=60, what="ten rows")
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert {row.request_id for row in rows()} == set(range(1, 11))
