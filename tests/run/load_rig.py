"""A counting target and a load worker under the real supervisor."""

import os
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

from flask_assay.load.control import LoadProcess
from flask_assay.load.plan import Exchange, Journey, LoadPlan
from flask_assay.model.owned import AllowedTarget
from flask_assay.model.rows import Phase
from flask_assay.recording.directory import MANIFEST, SCHEMA_VERSION, write_document
from flask_assay.recording.reader import open_recording
from flask_assay.services.run_dir import RunDirectory
from flask_assay.services.supervisor import Supervisor
from flask_assay.services.waiting import wait_until

TARGET = Path(__file__).with_name("load_target.py")
HOP = 0xFF
LONGEST_S = 100.0  # what takes a second or two on a quiet machine


class CountingTarget:
    """A server that writes down every request it sees."""

    def __init__(self, port, seen_path, pid):
        self.port, self.pid = port, pid
        self.seen_path = seen_path

    @property
    def allowed(self):
        return AllowedTarget("http", "127.0.0.1", self.port, "started by this test")

    def seen(self):
        """Return (request id, method, path) of each request."""
        rows = [line.split(" ", 2) for line in self.seen_path.read_text().splitlines()]
        return [(int(number), method, path) for number, method, path in rows]


@contextmanager
def counting_target(directory):
    seen = directory / "seen.txt"
    command = [sys.executable, str(TARGET)]
    env = {**os.environ, "LOAD_TARGET_SEEN": str(seen)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as process:
        try:
            port = int(process.stdout.readline())
            yield CountingTarget(port, seen, process.pid)
        finally:
            process.kill()


@contextmanager
def gunicorn_target(directory, *options):
    """Serve the same app by Gunicorn on a socket that is open before it starts."""
    seen = directory / "seen.txt"
    env = {**os.environ, "LOAD_TARGET_SEEN": str(seen), "HOME": str(directory)}
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        number = listener.fileno()
        where = ["--bind", f"fd://{number}", "--chdir", str(TARGET.parent), "load_target:app"]
        command = [sys.executable, "-m", "gunicorn", "--log-level", "error", *options, *where]
        with subprocess.Popen(command, env=env, pass_fds=[number]) as process:
            try:
                yield CountingTarget(listener.getsockname()[1], seen, process.pid)
            finally:
                process.terminate()


class Rig:
    """Starts loads into fresh directories."""

    def __init__(self, directory, supervisor, target):
        self.directory, self.supervisor, self.target = directory, supervisor, target
        self.recording_dir = directory / "recording"
        self.private_dir = directory / "private"

    def plan(self, locustfile=None, **more):
        for each in (self.recording_dir, self.private_dir, self.directory / "work"):
            each.mkdir(exist_ok=True)
        manifest = {"schema_version": SCHEMA_VERSION, "run_id": "test"}
        write_document(self.recording_dir, MANIFEST, manifest)
        if locustfile is not None:
            path = self.directory / "locustfile.py"
            path.write_text(locustfile)
            more["locustfile"] = path
        settings = {"users": 4, "warm_up_s": 0.4, "steady_s": 1.0, "drain_s": 5.0}
        return LoadPlan(
            recording_dir=self.recording_dir,
            work_dir=self.directory / "work",
            target=more.pop("target", self.target.allowed),
            project_root=self.directory,
            private_dir=self.private_dir,
            **{**settings, **more},
        )

    def start(self, *args, **more):
        return LoadProcess.start(self.plan(*args, **more), self.supervisor)

    def run(self, *args, until=None, **more):
        """Carry out a plan and return the recording.

        With ``until`` the steady state lasts until the rows of it satisfy the condition, however
        long this machine takes for them.
        """
        if until is None:
            self.last = self.start(*args, **more).wait(timeout_s=LONGEST_S)
            return self.recording()
        load = self.start(*args, **{"steady_s": LONGEST_S, **more})

        def is_enough():
            return load.is_over() or until(
                [row for row in self.recording().client_requests if row.phase == Phase.STEADY]
            )

        until_phase(load, "steady")
        wait_until(is_enough, timeout_s=LONGEST_S, what="enough requests", longest_pause_s=0.2)
        load.stop()
        self.last = load.wait(timeout_s=LONGEST_S)
        assert load.poll() == 0, load.log_tail()
        return self.recording()

    def recording(self):
        return open_recording(self.recording_dir)


def make_supervisor():
    """Own the processes of one module's tests."""
    with RunDirectory.create() as run, Supervisor(run) as owner:
        yield owner


def make_rig(tmp_path, supervisor):
    """Give a test its own target and directories."""
    with counting_target(tmp_path) as target:
        yield Rig(tmp_path, supervisor, target)


def until_phase(load, phase):
    wait_until(
        lambda: load.is_over() or load.progress().phase == phase,
        timeout_s=LONGEST_S,
        what=f"phase {phase}",
    )


def count(least):
    """As many rows."""
    return lambda rows: len(rows) >= least


def names(*wanted, users=1):
    """A row of each name, by so many users."""

    def are_there(rows):
        seen = {(row.name, row.user) for row in rows}
        return all(sum(name == each for name, _ in seen) >= users for each in wanted)

    return are_there


def journey(path, method="GET", **more):
    return Journey(path, method, (Exchange(path, **more),))


def ids_of(row):
    """Return the ids of all exchanges of a row: the last one and those before it."""
    last = row.request_id & HOP
    return {row.request_id - last + hop for hop in range(1, last + 1)} if last else set()


def assert_conserved(recording, target):
    """Every exchange the server saw is in exactly one row, and the other way round."""
    seen = [number for number, _, _ in target.seen()]
    rows = recording.client_requests
    told = [number for row in rows for number in ids_of(row)]
    assert 0 not in seen, "a request went out without an id"
    assert len(seen) == len(set(seen)), "an id was sent twice"
    assert len(told) == len(set(told))
    assert set(seen) == set(told)
    assert sum(row.exchange_count for row in rows) == len(seen)
    (file,) = recording.load_files
    assert file.counters["exchanges"] == len(seen)


def assert_nothing_lost(recording, target):
    """Every exchange the server saw is told; those it did not see were not answered."""
    seen = {number for number, _, _ in target.seen()}
    told = {number for row in recording.client_requests for number in ids_of(row)}
    (file,) = recording.load_files
    assert seen
    assert seen <= told
    assert len(told - seen) <= file.counters["exchanges_unanswered"]
