import json
import os
import subprocess
import sys
from collections import Counter

import pytest
from tests.run.load_rig import (
    LONGEST_S,
    assert_conserved,
    count,
    journey,
    make_rig,
    make_supervisor,
    names,
)

from flask_assay.errors import LoadError, UsageError
from flask_assay.model.rows import Phase

pytestmark = pytest.mark.load

supervisor = pytest.fixture(scope="module")(make_supervisor)
rig = pytest.fixture(make_rig)

HEAD = """
from locust import HttpUser, FastHttpUser, LoadTestShape, constant, events, tag, task
"""
FULL = (
    HEAD
    + """
import os

@events.init_command_line_parser.add_listener
def arguments(parser):
    parser.add_argument("--greeting", default="hello")

@events.test_start.add_listener
def began(environment, **kw):
    environment.greeting = environment.parsed_options.greeting

@events.quitting.add_listener
def quitting(environment, **kw):
    with open("quitting.txt", "w") as file:
        file.write(environment.host or "")

class Abstract(HttpUser):
    abstract = True
    wait_time = constant(0.01)

class Reader(Abstract):
    weight = 3
    host = "http://somewhere.example:5000"

    @tag("read")
    @task
    def read(self):
        self.client.get("/" + self.environment.greeting)

    @tag("write")
    @task
    def write(self):
        self.client.post("/write")

class Quick(FastHttpUser):
    weight = 1
    wait_time = constant(0.01)
    proxy_host = "192.0.2.9"
    proxy_port = 3128

    @tag("read")
    @task
    def read(self):
        self.client.get("/quick", headers={"X-Pid": str(os.getpid())})
"""
)


def test_weights_tags_arguments_and_events_of_the_users_file_hold(rig, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://192.0.2.9:3128")

    def everybody(rows):
        return len({row.user for row in rows}) == 8

    recording = rig.run(FULL, users=8, tags=("read",), until=everybody)
    assert_conserved(recording, rig.target)
    users = {}
    for row in recording.client_requests:
        users.setdefault(row.name, set()).add(row.user)
        assert row.error == ""
    assert set(users) == {"GET /hello", "GET /quick"}
    assert len(users["GET /hello"]) == 6
    assert len(users["GET /quick"]) == 2
    assert (rig.directory / "quitting.txt").read_text() == rig.target.allowed.url


def test_a_user_class_can_be_chosen_by_name(rig):
    recording = rig.run(FULL, user_classes=("Quick",), until=count(20))
    assert {row.name for row in recording.client_requests} == {"GET /quick"}


def test_the_path_of_a_users_host_is_kept(rig):
    text = FULL.replace("somewhere.example:5000", "somewhere.example:5000/api/")
    recording = rig.run(text, user_classes=("Reader",), tags=("read",), until=count(20))
    assert {path for _, _, path in rig.target.seen()} == {"/api/hello"}
    assert_conserved(recording, rig.target)


def test_a_shape_decides_the_users_and_the_end(rig):
    text = (
        FULL
        + """
class Steps(LoadTestShape):
    def tick(self):
        return (2, 10) if self.runner.stats.num_requests < 200 else None
"""
    )
    recording = rig.run(text, steady_s=LONGEST_S)
    assert_conserved(recording, rig.target)
    assert len({row.user for row in recording.client_requests}) == 2
    assert any("Steps" in note for note in rig.last.notes)
    assert any("ended the run before its time" in note for note in rig.last.notes)
    phases = [each["phase"] for each in recording.events if each["event"] == "phase"]
    assert phases[-2:] == ["drain", "end"]


def test_a_user_class_whose_start_fails_is_counted_and_the_others_go_on(rig):
    text = (
        FULL
        + """
class Broken(HttpUser):
    @task
    def never(self):
        self.client.get("/never")

    def on_start(self):
        self.client.get("/login")
        raise RuntimeError("no token")
"""
    )
    recording = rig.run(text, users=6, until=names("GET /quick"))
    assert_conserved(recording, rig.target)
    found = Counter(row.name for row in recording.client_requests)
    assert found["GET /login"] >= 1
    assert "GET /never" not in found
    assert found["GET /quick"] > 0
    (error,) = rig.last.task_errors
    assert error.message == "RuntimeError: no token"
    assert error.name.startswith("locustfile.py:")
    (file,) = recording.load_files
    assert file.counters["task_errors"][0][1] == "RuntimeError: no token"


def test_when_every_user_ends_the_run_says_why(rig):
    text = (
        HEAD
        + """
class Broken(HttpUser):
    @task
    def never(self):
        pass

    def on_start(self):
        raise RuntimeError("no token")
"""
    )
    load = rig.start(text, steady_s=2 * LONGEST_S)
    with pytest.raises(
        LoadError, match="all 4 virtual users ended: RuntimeError: no token"
    ) as told:
        load.wait(timeout_s=LONGEST_S)
    assert "locustfile.py:10" in str(told.value)
    assert load.failure() == told.value.what
    assert rig.recording().client_requests == ()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (HEAD + "from os import *\n", "locustfile.py has no user class"),
        (FULL + "1 / 0\n", r"locustfile.py:\d\d: ZeroDivisionError"),
        pytest.param(FULL + "import nowhere_to_be\n", r"locustfile.py:\d\d: Module", marks=pytest.mark.slow),
        pytest.param(FULL + "raise SystemExit(4)\n", "calls sys.exit", marks=pytest.mark.slow),
        (FULL.replace('default="hello"', "required=True"), "arguments could not be filled"),
        pytest.param(FULL.replace("weight = 3", "weight = 0").replace("weight = 1", "weight = 0"), "weight 0", marks=pytest.mark.slow),
    ],
)  # fmt: skip
def test_a_file_that_cannot_run_is_a_clear_usage_error(rig, text, told):
    load = rig.start(text)
    with pytest.raises(UsageError, match=told):
        load.wait(timeout_s=LONGEST_S)
    assert load.poll() == 2
    assert load.failure()
    assert rig.target.seen() == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (HEAD + "x = (\n", "locustfile.py:3: syntax error"),
        ("from locust import HttpLocust\n", "write `HttpUser`"),
        (HEAD, "no user class"),
    ],
)
def test_a_file_that_can_be_seen_not_to_work_starts_no_process(rig, text, told):
    with pytest.raises(UsageError, match=told):
        rig.start(text)


def test_ignored_waits_are_noted_with_what_to_write_now(rig):
    old = FULL.replace("wait_time = constant(0.01)", "min_wait = 10\n    max_wait = 20", 1)
    rig.run(old, user_classes=("Quick",), until=count(1))
    (note,) = [each for each in rig.last.notes if "min_wait" in each]
    assert "`wait_time = between(0.01, 0.02)`" in note


def test_an_unknown_user_class_names_those_there_are(rig):
    with pytest.raises(UsageError, match="no user class Writer") as told:
        rig.start(FULL, user_classes=("Writer",)).wait(timeout_s=LONGEST_S)
    assert "Quick, Reader" in str(told.value)


def test_when_all_requests_fail_the_status_says_so_early(rig):
    recording = rig.run(
        journeys=(journey("/missing"),), think_time_s=(0.001, 0.001), until=count(60)
    )
    assert rig.last.all_failing
    (group,) = rig.last.top_failures
    assert (group.name, group.message) == ("GET /missing", "HTTP 404")
    assert group.count == len(recording.client_requests)


def test_a_worker_without_locust_says_what_is_missing(rig, monkeypatch, tmp_path):
    plan = rig.plan(journeys=(journey("/"),))
    plan.plan_path.write_text(plan.to_json())
    (tmp_path / "locust.py").write_text("raise ImportError('urllib3 is too old')")
    command = [sys.executable, "-m", "flask_assay.load.worker", str(plan.plan_path)]
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        command, check=False, env=env, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 3
    status = json.loads(plan.status_path.read_text())
    assert status["error"]["what"] == "Locust cannot be imported: urllib3 is too old"


def test_the_parent_side_imports_neither_locust_nor_gevent():
    code = (
        "import sys, flask_assay.load.control, flask_assay.load.journeys, flask_assay.load.lint;"
        "flask_assay.load.control.require_locust();"
        "print(sorted({'locust', 'gevent', 'requests', 'flask'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=100
    )
    assert done.stdout.strip() == "[]"


def test_a_plan_of_another_version_is_refused(tmp_path):
    path = tmp_path / "plan.json"
    path.write_text("{}")
    command = [sys.executable, "-m", "flask_assay.load.worker", str(path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=100)
    assert done.returncode == 3
    assert "not a load plan of this version" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_warm_up_lasts_until_every_journey_was_asked(rig):
    slow = [journey(f"/slow?s=0.25&n={number}") for number in range(6)]
    recording = rig.run(journeys=tuple(slow), users=1, warm_up_s=0.1, reach_s=600.0, until=count(1))
    warm = [row.name for row in recording.client_requests if row.phase is Phase.WARM_UP]
    assert set(warm) == {each.name for each in slow}
