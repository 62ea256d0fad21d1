"""Start an owner in a process of its own, watch its run from outside, kill it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from flask_assay.services.waiting import wait_until

# The guarantee is five seconds; the rest is for a machine that is busy with other things.
GONE_S = 60.0  # the guarantee is five seconds; the rest is for a machine that is busy


class Owner:
    def __init__(self, base, scenario, *, python=sys.executable, env=None, user=None):
        program = Path(__file__).with_name("owner.py")
        self.popen = subprocess.Popen(
            [python, str(program), str(base), scenario],
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
            env=env,
            user=user,
            group=user,
            extra_groups=[] if user else None,
        )
        facts = json.loads(self.popen.stdout.readline() or "{}")
        if not facts:
            self.kill()
            raise AssertionError("the owner did not come up: see its traceback above")
        self.run_id, self.path = facts["run_id"], Path(facts["path"])
        self.sockets = Path(facts["sockets"])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def line(self, start):
        for line in self.popen.stdout:
            if line.startswith(start):
                return line.strip()
        raise AssertionError(f"the owner ended before it said {start!r}")

    def wait_for_process(self, name):
        wait_until(lambda: name in self.registered(), timeout_s=100, what=f"{name} is launched")

    def registered(self):
        found = {}
        for path in (self.path / "processes").glob("*.json"):
            with contextlib.suppress(OSError, ValueError):
                document = json.loads(path.read_text())
                found[document["name"]] = document["identity"]["pid"]
        return found

    def kill(self):
        if self.popen.returncode is None:
            os.kill(self.popen.pid, signal.SIGKILL)
            self.popen.wait()
            self.popen.stdout.close()

    def watchdog(self):
        (pid,) = [p for p in all_pids() if b"watchdog" in read(p, "cmdline") and self.owns(p)]
        return pid

    def owns(self, pid):
        """Found from outside, by other means than the product's own."""
        mark = self.run_id.encode()
        where = ""
        with contextlib.suppress(OSError):
            where = str(Path(f"/proc/{pid}/cwd").readlink())
        return mark in read(pid, "cmdline") or mark in read(pid, "environ") or self.run_id in where

    def left(self):
        return {pid for pid in all_pids() - {self.popen.pid} if self.owns(pid)}

    def in_memory(self):
        return list(Path("/dev/shm").glob(f"flask-assay-*/{self.run_id}"))

    def assert_nothing_left(self, *, directory=True):
        wait_until(lambda: not self.left(), timeout_s=GONE_S, what=f"all of {self.run_id} ends")
        if directory:
            wait_until(
                lambda: (
                    not any(path.exists() for path in (self.path, self.sockets, *self.in_memory()))
                ),
                timeout_s=GONE_S,
                what="the directory goes",
            )


def all_pids():
    names = (path.name for path in Path("/proc").iterdir())
    return {int(name) for name in names if name.isdecimal() and is_live(int(name))}


def is_live(pid):
    stat = read(pid, "stat").rpartition(b")")[2].split()
    return bool(stat) and stat[0] not in (b"Z", b"X")


def read(pid, what):
    try:
        return Path(f"/proc/{pid}/{what}").read_bytes()
    except OSError:
        return b""
