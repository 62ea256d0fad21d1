"""What is left when a run is killed, interrupted, doubled or loses a worker."""

import os
import signal
import sys
import threading
from pathlib import Path
from subprocess import DEVNULL, Popen

import pytest
from tests.plugin.sandbox.project import run_pytest, write_project

from flask_assay.services.waiting import wait_until

pytestmark = pytest.mark.services

WAITS = """
import pathlib
import threading


def test_waits_in_the_middle(client, assay_db):
    client.post("/items", json={"name": "x"})
    ((pid,),) = assay_db.sql("select pg_backend_pid()")
    pathlib.Path("pid").write_text(str(pid))
    threading.Event().wait(600)
"""

ROUGH = """
import os
import threading
import pytest
from sqlalchemy import text
from shop import Item, db as database

held = []


def test_drops_the_schema(app, db):
    database.drop_all()
    database.session.execute(text("DROP SCHEMA public CASCADE"))
    database.session.commit()


def test_after_the_drop(client):
    assert client.get("/items").json == ["seeded"]


def test_leaves_a_transaction_open(app):
    with app.app_context():
        connection = database.engine.connect()
        connection.execute(text("INSERT INTO item (name) VALUES ('pending')"))
        held.append(connection)


def test_after_the_open_transaction(client):
    assert client.get("/items").json == ["seeded"]
    client.post("/items", json={"name": "pending"})


def test_work_outlives_the_test(app):
    ready, go = threading.Event(), threading.Event()

    def work():
        with app.app_context():
            database.session.add(Item(name="from thread"))
            database.session.flush()
            ready.set()
            go.wait(60)
            database.session.remove()

    thread = threading.Thread(target=work)
    thread.start()
    ready.wait(60)
    held.append((thread, go))


def test_after_the_late_work(client):
    thread, go = held[-1]
    go.set()
    thread.join(60)
    assert client.get("/items").json == ["seeded"]


def test_create_all_again(app, db):
    database.drop_all()
    database.create_all()
    database.session.add(Item(name="mine"))
    database.session.commit()
    assert [item.name for item in database.session.query(Item)] == ["mine"]


def test_after_create_all(client):
    assert client.get("/items").json == ["seeded"]
"""

CRASH = """
import os
import pytest


@pytest.mark.parametrize("turn", range(6))
def test_rows(client, turn):
    assert client.post("/items", json={"name": "x"}).json == {"n": 2}
    if turn == 3:
        os._exit(3)
"""


def start_waiting(directory):
    project = write_project(directory, test_waits=WAITS)
    variables = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "COVERAGE_"))}
    process = Popen(
        [sys.executable, "-m", "pytest", "-q"],
        cwd=project,
        env=variables,
        stdout=DEVNULL,
        stderr=DEVNULL,
    )
    place = project / "pid"
    wait_until(
        lambda: place.exists() and place.read_text(), timeout_s=200, what="the test is running"
    )
    return process, int(place.read_text())


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGKILL,
        pytest.param(signal.SIGINT, marks=pytest.mark.slow),
        pytest.param(signal.SIGTERM, marks=pytest.mark.slow),
    ],
)
def test_nothing_is_left_of_a_run_that_is_ended(tmp_path, number):
    process, backend = start_waiting(tmp_path)
    process.send_signal(number)
    process.wait(100)
    gone = lambda: not Path(f"/proc/{backend}").exists()  # noqa: E731 - a condition
    wait_until(gone, timeout_s=60, what="the server's process is gone")


def test_rough_tests_leave_a_clean_database_to_the_next(tmp_path):
    outcome = run_pytest(write_project(tmp_path, test_rough=ROUGH))
    assert outcome.code == 0, outcome.text


def test_a_worker_that_crashes_costs_only_its_test(tmp_path):
    outcome = run_pytest(write_project(tmp_path, test_crash=CRASH), "-n", "2")
    failed = [line for line in outcome.text.splitlines() if line.startswith("FAILED")]
    assert len(failed) == 1, outcome.text
    assert "5 passed" in outcome.text, outcome.text


@pytest.mark.slow
def test_two_runs_at_once_do_not_meet(tmp_path):
    projects = []
    for name in ("one", "two"):
        directory = tmp_path / name
        directory.mkdir()
        projects.append(write_project(directory, test_rough=ROUGH))
    outcomes = []
    threads = [
        threading.Thread(
            target=lambda place: outcomes.append(
                run_pytest(place, "-n", "2", "--dist", "loadfile")
            ),
            args=(p,),
        )
        for p in projects
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(180)
    assert [outcome.code for outcome in outcomes] == [0, 0], [o.text for o in outcomes]
