"""A program that owns a run, for tests that kill it: ``owner.py BASE SCENARIO``.

It prints one JSON line with its run's facts, then ``at SCENARIO`` when it is there.
"""

import json
import os
import signal
import sys
from pathlib import Path

from flask_assay.services.postgres import provision_postgres
from flask_assay.services.run_dir import RunDirectory
from flask_assay.services.supervisor import Supervisor
from flask_assay.services.valkey import provision_valkey


def say(text):
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def provisioning(supervisor):
    say("at provisioning")
    provision_postgres(supervisor, purpose="tests")


def ready(supervisor):
    provision_valkey(supervisor)
    server = provision_postgres(supervisor, purpose="tests")
    say("at ready")
    return server


def cloning(supervisor):
    server = provision_postgres(supervisor, purpose="tests")
    template = server.create_database("shop")
    say("at cloning")
    for number in range(1000):
        server.create_database(f"clone{number}", template=template)


def stopping(supervisor):
    ready(supervisor)
    say("at stopping")
    for _ in range(1000):
        for process in supervisor.processes[:2]:
            process.signal(signal.SIGCONT)
        supervisor.stop_all()
        provision_valkey(supervisor)


def frozen(supervisor):
    for process in (ready(supervisor).process, supervisor.processes[0]):
        process.freeze()
    say("at frozen")


def forked(supervisor):
    ready(supervisor)
    child = os.fork()
    if child == 0:
        os.setsid()
        signal.pause()
        os._exit(0)
    say(f"child {child}")


def family(supervisor):
    """A process whose child leaves the group and drops the run's mark."""
    ready(supervisor)
    code = (
        "import os, signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'],"
        " env={}, start_new_session=True); print('grandchild', p.pid, flush=True); time.sleep(600)"
    )
    process = supervisor.start("parent", [sys.executable, "-c", code])
    while "grandchild" not in process.log_tail():
        pass
    say(process.log_tail())


def main():
    base, scenario = sys.argv[1:]
    with RunDirectory.create(Path(base)) as run, Supervisor(run) as supervisor:
        say(
            json.dumps(
                {
                    "pid": os.getpid(),
                    "run_id": run.run_id,
                    "path": str(run.path),
                    "sockets": str(run.sockets),
                }
            )
        )
        globals()[scenario](supervisor)
        say("settled")
        signal.pause()


if __name__ == "__main__":
    main()
