"""CPU by endpoint from stacks, where decorators, hooks and bodies do most of the work.

What is true is known from the app: each endpoint burns a known amount. The ranges allow for few
samples.
"""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from tests.conformance.test_probe_in_workers import answers_at, ask

from flask_assay.probe import ProbePlan
from flask_assay.recording.reader import Recording
from flask_assay.services.waiting import wait_until

ROOT = Path(__file__).parents[2]
TRUTH_MS = {"plain": 4, "decorated": 12, "hooked": 8, "streamed": 6, "waiting": 1}
WORKERS = ("sync", "gevent")
TOLERANCE = 0.07


@pytest.fixture
def serve(tmp_path):
    started = []

    def start(worker):
        plan = ProbePlan(tmp_path, ROOT / "tests", stacks=True)
        environ = {
            name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")
        } | {"PROBE_PLAN": plan.to_json(), "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
        path = tmp_path / "s"
        command = [sys.executable, "-m", "gunicorn", "-b", f"unix:{path}", "-k", worker]
        command += ["--threads", "1" if worker == "sync" else "3", "--graceful-timeout", "3"]
        command += ["--timeout", "300", "--no-control-socket", "tests.conformance.profiled_app:app"]
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


@pytest.mark.parametrize("worker", WORKERS)
def test_cpu_goes_to_the_endpoint_that_causes_it(worker, serve, tmp_path):
    process, path = serve(worker)

    def client(number):
        for i in range(30):
            for endpoint in TRUTH_MS:
                ask(path, f"/{endpoint}", number * 1000 + i)

    threads = [threading.Thread(target=client, args=(n,)) for n in range(1, 4)]
    [t.start() for t in threads], [t.join() for t in threads]
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0, (tmp_path / "log").read_text()

    (file,) = Recording(tmp_path).probe_files
    told = file.counters["stacks"]
    assert told["sampler"] == "cpu-timer"
    assert told["samples"] > 50
    assert told["unattributed"] <= 0.02 * told["samples"]
    assert file.counters["sensors"]["endpoint-cpu"]["errors"] == 0
    sampled = dict.fromkeys(TRUTH_MS, 0)
    for stack, weight in file.stacks.items():
        sampled[stack.partition(";")[0]] += weight  # no other endpoint, no "(no endpoint)"
    for endpoint, truth in TRUTH_MS.items():
        share = sampled[endpoint] / sum(sampled.values())
        assert share == pytest.approx(truth / sum(TRUTH_MS.values()), abs=TOLERANCE), endpoint
    assert any(" wrapper;" in stack and stack.endswith(" burn") for stack in file.stacks)


def test_where_other_threads_serve_it_says_why_there_are_no_samples(serve, tmp_path):
    process, path = serve("gthread")
    ask(path, "/plain", 1)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0, (tmp_path / "log").read_text()
    (file,) = Recording(tmp_path).probe_files
    told = file.counters["stacks"]
    assert (told["sampler"], told["samples"], file.stacks) == ("none", 0, {})
    assert told["reason"] == "requests are served outside of the main thread"
