"""A run that is killed, interrupted or hangs, phase by phase: the next one starts clean."""

import os
import signal
import sys
import tempfile
import threading
from pathlib import Path
from subprocess import PIPE, STDOUT, Popen

import pytest
from tests.plugin.sandbox.project import SHOP, run_pytest, write_project

from flask_assay.services.waiting import wait_until

pytestmark = [pytest.mark.services, pytest.mark.slow]

PHASES = ("build", "session fixture", "module fixture", "test", "clone", "teardown", "finish")

HALT = """
import os
import pathlib
import threading


def halt(phase):
    if os.environ.get("HALT_IN") == phase:
        pathlib.Path("halted").write_text(phase)
        threading.Event().wait(600)
"""

CONFTEST = """
import pytest
from halt import halt
from shop import Item
from shop import db as database


def add(app, name):
    with app.app_context():
        database.session.add(Item(name=name))
        database.session.commit()


@pytest.fixture(scope="session", autouse=True)
def shared(app):
    add(app, "of the session")
    halt("session fixture")


@pytest.fixture(scope="module", autouse=True)
def of_module(app, shared):
    add(app, "of the module")
    halt("module fixture")


@pytest.fixture
def torn_down(app):
    yield
    add(app, "of the teardown")
    halt("teardown")


def pytest_sessionfinish():
    halt("finish")
"""

TESTS = """
import pytest
from halt import halt
from shop import Item
from shop import db as database

EXPECTED = ["of the module", "of the session", "seeded"]


def test_rows(client, torn_down):
    assert client.get("/items").json == EXPECTED
    client.post("/items", json={"name": "committed"})
    with client.application.app_context():
        database.session.add(Item(name="pending"))
        database.session.flush()
        halt("test")


@pytest.mark.assay(gear="clone")
def test_rows_on_a_clone(client):
    assert client.get("/items").json == EXPECTED
    client.post("/items", json={"name": "really committed"})
    halt("clone")


def test_rows_afterwards(client):
    assert client.get("/items").json == EXPECTED
"""


def write(directory: Path) -> Path:
    write_project(directory, test_shop=TESTS, conftest=CONFTEST, halt=HALT)
    seed = "def seed():\n    from halt import halt\n\n    halt('build')\n"
    (directory / "shop.py").write_text(SHOP.replace("def seed():\n", seed))
    return directory


@pytest.fixture
def cache(monkeypatch):
    """A cache of this test's own, where the servers' user can reach it."""
    with tempfile.TemporaryDirectory(prefix="assay-e-", ignore_cleanup_errors=True) as place:
        Path(place).chmod(0o711)
        monkeypatch.setenv("XDG_CACHE_HOME", place)
        yield Path(place)


def processes_of(place: Path) -> list[str]:
    found = []
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            words = (directory / "cmdline").read_bytes().decode().replace("\0", " ")
            where = str((directory / "cwd").readlink())
        except OSError:
            continue
        if str(place) in words or where.startswith(str(place)):
            found.append(words)
    return found


def runs_left(cache: Path) -> list[str]:
    return [str(path) for path in cache.glob("flask-assay/runs/*")]


def start(project: Path, phase: str, *arguments: str) -> Popen:
    variables = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "COVERAGE_"))}
    process = Popen(
        [sys.executable, "-m", "pytest", "-rA", *arguments],
        cwd=project,
        env={**variables, "HALT_IN": phase},
        stdout=PIPE,
        stderr=STDOUT,
        text=True,
    )
    halted = project / "halted"
    wait_until(
        lambda: halted.exists() or process.poll() is not None, timeout_s=300, what="it halts"
    )
    assert halted.exists(), process.communicate()[0]
    return process


def assert_the_next_run_is_clean(project: Path, cache: Path, *arguments: str) -> None:
    outcome = run_pytest(project, *arguments)
    assert outcome.code == 0, outcome.text
    assert "3 passed" in outcome.text, outcome.text
    wait_until(lambda: not processes_of(cache), timeout_s=60, what="no process is left")
    assert runs_left(cache) == []


@pytest.mark.parametrize("phase", PHASES)
def test_nothing_is_left_of_a_run_that_was_killed(tmp_path, cache, phase):
    project = write(tmp_path)
    process = start(project, phase)
    assert processes_of(cache), "the server runs"
    process.kill()
    process.communicate(timeout=200)
    wait_until(lambda: not processes_of(cache), timeout_s=60, what="no process is left")
    assert_the_next_run_is_clean(project, cache)


@pytest.mark.parametrize("phase", ["build", "session fixture", "test", "clone", "teardown"])
def test_an_interrupted_run_says_so_and_cleans_up_itself(tmp_path, cache, phase):
    project = write(tmp_path)
    process = start(project, phase)
    process.send_signal(signal.SIGINT)
    text, _ = process.communicate(timeout=200)
    assert process.returncode == pytest.ExitCode.INTERRUPTED, text
    assert "KeyboardInterrupt" in text, text
    assert "INTERNALERROR" not in text, text
    assert processes_of(cache) == []
    assert runs_left(cache) == []
    assert_the_next_run_is_clean(project, cache)


def test_a_run_that_hangs_is_ended_by_pytest_timeout_and_leaves_nothing(tmp_path, cache):
    project = write(tmp_path)
    assert_the_next_run_is_clean(project, cache)  # the template is built outside of the limit
    process = start(project, "test", "--timeout=20", "--timeout-method=thread")
    text, _ = process.communicate(timeout=200)
    assert process.returncode == 1, text
    assert "Timeout" in text, text
    assert "in test_rows" in text, text
    wait_until(lambda: not processes_of(cache), timeout_s=60, what="no server is left")
    assert_the_next_run_is_clean(project, cache)


def test_a_hanging_worker_is_ended_by_pytest_timeout_and_the_others_go_on(tmp_path, cache):
    project = write(tmp_path)
    assert_the_next_run_is_clean(project, cache)
    arguments = ("-n", "2", "--timeout=20", "--timeout-method=thread", "--maxfail=9")
    process = start(project, "clone", *arguments)
    text, _ = process.communicate(timeout=300)
    assert "crashed while running 'test_shop.py::test_rows_on_a_clone'" in text, text
    assert "1 failed, 2 passed" in text, text
    wait_until(lambda: not processes_of(cache), timeout_s=60, what="no server is left")
    assert_the_next_run_is_clean(project, cache)


def test_a_killed_run_with_workers_leaves_nothing(tmp_path, cache):
    project = write(tmp_path)
    process = start(project, "test", "-n", "2")
    process.kill()
    process.communicate(timeout=200)
    wait_until(lambda: not processes_of(cache), timeout_s=60, what="no server is left")
    assert_the_next_run_is_clean(project, cache, "-n", "2")


def test_two_sessions_of_one_checkout_with_four_workers_each_do_not_meet(tmp_path, cache):
    project = write(tmp_path)
    many = TESTS + (
        "\n\n@pytest.mark.parametrize('turn', range(24))\n"
        "def test_many(client, turn):\n"
        "    assert client.get('/items').json == EXPECTED\n"
        "    assert client.post('/items', json={'name': 'mine'}).json == {'n': 4}\n"
    )
    (project / "test_shop.py").write_text(many)
    outcomes = []
    threads = [
        threading.Thread(
            target=lambda: outcomes.append(
                run_pytest(project, "-n", "4", "-p", "no:cacheprovider", timeout_s=400)
            )
        )
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(420)
    assert [outcome.code for outcome in outcomes] == [0, 0], [one.text for one in outcomes]
    assert all("27 passed" in outcome.text for outcome in outcomes)
    wait_until(lambda: not processes_of(cache), timeout_s=60, what="no process is left")
    assert runs_left(cache) == []
