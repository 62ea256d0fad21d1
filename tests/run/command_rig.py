"""Runs ``flask … assay run`` as a user does, on one-file apps, and looks at what is left."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.services.owners import all_pids, read

from flask_assay.model.rows import Phase
from flask_assay.recording.directory import read_lines
from flask_assay.recording.reader import open_recording
from flask_assay.services.waiting import wait_until

FLASK = (sys.executable, "-m", "flask")
NOTHING_AGAIN = ("--no-learning", "--no-growth")
SHORT = ("--users", "2", "--duration-s", "1", "--warm-up-s", "0", "--drain-s", "3", *NOTHING_AGAIN)
NO_TRIALS = "--no-experiments"
LONGEST_S = 180.0
PATIENT_S = 580.0  # for what waits for counts: minutes on a machine that is busy
GONE_S = 60.0  # the guarantee is five seconds; the rest is for a machine that is busy

APP = """
from flask import Flask, jsonify
from flask_sqlalchemy import SQLAlchemy

db = SQLAlchemy()

class Item(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String(20), nullable=False)

def create_app(uri="postgresql://real:secret@db.example.invalid/production"):
    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = uri
    db.init_app(app)

    @app.get("/items/<int:item_id>")
    def item(item_id):
        return jsonify(name=db.get_or_404(Item, item_id).name)

    @app.get("/items")
    def items():
        return jsonify([each.name for each in Item.query.limit(5)])

    return app
"""


# A finding with a remedy that is tried: each parent's children are loaded one by one.
NESTED = """
from flask import Flask, jsonify
from flask_sqlalchemy import SQLAlchemy

db = SQLAlchemy()

class Parent(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    children = db.relationship("Child")

class Child(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    parent_id = db.Column(db.ForeignKey("parent.id"), nullable=False)

def create_app():
    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = "postgresql:///nested"
    db.init_app(app)

    @app.get("/parents")
    def parents():
        found = Parent.query.order_by(Parent.id).limit(20)
        return jsonify([[child.id for child in each.children] for each in found])

    return app
"""

# At the end of a locustfile: the load lasts until the app answered so often, however slow it is.
UNTIL_ANSWERED = """
from locust import LoadTestShape

class UntilAnswered(LoadTestShape):
    warm_up_s, least_s, users, answers = {warm_up_s}, {least_s}, {users}, {answers}
    before = 0

    def tick(self):
        answered = self.runner.stats.num_requests - self.runner.stats.num_failures
        if self.get_run_time() < self.warm_up_s:
            self.before = answered
        is_long = self.get_run_time() >= self.warm_up_s + self.least_s
        is_over = is_long and answered - self.before >= self.answers
        return None if is_over else (self.users, self.users)
"""


def until_answered(answers, *, users, warm_up_s, least_s=0):
    """Return the end of a locustfile, and the options of a run that leave the end to it."""
    text = UNTIL_ANSWERED.format(
        answers=answers, users=users, warm_up_s=warm_up_s + 0.5, least_s=least_s
    )
    return text, ("--users", users, "--warm-up-s", warm_up_s, "--duration-s", 240)


def write_project(directory, files=None):
    """Write files (name to text) beside ``tiny.py``, the healthy app."""
    for name, text in {"tiny.py": APP, **(files or {})}.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return directory


@dataclass(frozen=True)
class Outcome:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def first_line(self):
        """The heading of its error."""
        lines = [
            line for line in self.err.splitlines() if line.startswith(("Error:", "flask-assay"))
        ]
        return lines[0] if lines else ""

    def assert_clear(self):
        """No traceback and no file of ours in what the user reads."""
        text = self.out + self.err
        assert "flask_assay/" not in text, text
        assert "bug of flask-assay" not in text, text


class Command:
    """One ``assay`` command in a process and session of its own."""

    def __init__(self, project, base, arguments, *, app="tiny", env=None, program=FLASK, **popen):
        self.base, self.project = base, project
        named = ("--app", app) if app else ()
        clean = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("ASSAY_", "COVERAGE_", "FLASK_", "GUNICORN_"))
        }
        popen = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **popen}
        self.popen = subprocess.Popen(
            [*program, *named, "assay", *map(str, arguments)],
            cwd=project,
            env=clean | {"XDG_CACHE_HOME": str(base), "PYTHONUNBUFFERED": "1"} | (env or {}),
            stdin=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
            **popen,
        )
        self.said = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.popen.poll() is None:
            os.kill(self.popen.pid, signal.SIGKILL)
        self.popen.communicate()

    def wait_for(self, text):
        """Read standard error until a line holds the text."""
        for line in self.popen.stderr:
            self.said.append(line)
            if text in line:
                return line
        raise AssertionError(f"it ended before it said {text!r}: {''.join(self.said)}")

    def finish(self, timeout_s=LONGEST_S):
        """Wait for its end."""
        out, err = self.popen.communicate(timeout=timeout_s)
        return Outcome(self.popen.returncode, out or "", "".join(self.said) + (err or ""))

    def signal(self, number):
        """Send it a signal."""
        os.kill(self.popen.pid, number)

    def wait_for_phase(self, name):
        """Wait until the load entered a phase."""
        wait_until(
            lambda: self.popen.poll() is not None or name in phases(self.project),
            timeout_s=LONGEST_S,
            what=f"phase {name}",
        )
        assert self.popen.poll() is None, self.finish()

    def wait_for_answers(self, least):
        """Wait until the load recorded so many requests of its steady state."""
        self.wait_for_phase("steady")
        wait_until(
            lambda: self.popen.poll() is not None or len(steady(self.project)) >= least,
            timeout_s=LONGEST_S,
            what=f"{least} requests",
        )


def steady(project):
    """Return the rows of the steady state of the newest recording."""
    rows = open_recording(recordings(project)[-1]).client_requests
    return [row for row in rows if row.phase == Phase.STEADY]


def runs(base):
    """Return the directories of runs below a base."""
    return sorted((base / "flask-assay" / "runs").glob("[0-9a-f]*"))


def left_of(run_id):
    """Return the live processes that carry a run's id, by other means than the product's own."""
    mark = run_id.encode()
    return {pid for pid in all_pids() if _carries(pid, mark)}


def _carries(pid, mark):
    where = b""
    with contextlib.suppress(OSError):
        where = os.fsencode(Path(f"/proc/{pid}/cwd").readlink())
    return any(mark in text for text in (where, read(pid, "cmdline"), read(pid, "environ")))


def gone_after(run_id, run, *, timeout_s=GONE_S):
    """Wait until no process, socket or directory of a run is left; return the seconds it took."""
    begin = time.monotonic()
    wait_until(
        lambda: not left_of(run_id) and not run.exists(),
        timeout_s=timeout_s,
        what=f"the end of run {run_id}: {left_of(run_id)}",
    )
    return time.monotonic() - begin


def assay(project, base, *arguments, timeout_s=LONGEST_S, **options):
    """Run ``flask --app … assay …`` to its end."""
    with Command(project, base, arguments, **options) as command:
        return command.finish(timeout_s)


def recordings(project):
    """Return the recordings in a project."""
    return sorted(path for path in (project / ".assay").glob("2*") if path.is_dir())


def phases(project):
    """Return the phases that the newest recording's load went through."""
    found = recordings(project)
    events = read_lines(found[-1], "events.jsonl") if found else []
    return [event["phase"] for event in events if event.get("event") == "phase"]


def manifest(recording):
    """Return a recording's manifest."""
    return json.loads((recording / "recording.json").read_text())
