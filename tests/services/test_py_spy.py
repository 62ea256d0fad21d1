"""py-spy looks at a real process, where the system permits it."""

import os
import sys
from pathlib import Path

import pytest

from flask_assay.gather.py_spy import find, spied, stacks_of
from flask_assay.services.supervisor import Supervisor
from flask_assay.services.waiting import wait_until

PROGRAM = """
import sys

def view():
    return sum(i * i for i in range(20_000))

def call():
    return view()

call.__code__ = call.__code__.replace(co_name="EP:shop.list", co_qualname="EP:shop.list")
open(sys.argv[1], "w").close()
while True:
    call()
"""

pytestmark = pytest.mark.skipif(find() is None, reason="py-spy is not installed")


def busy(supervisor: Supervisor, place: Path) -> int:
    program, began = place / "busy.py", place / "began"
    program.write_text(PROGRAM)
    process = supervisor.start("busy", [sys.executable, str(program), str(began)])
    wait_until(began.exists, timeout_s=30, what="the program runs")
    return process.pid


def test_it_finds_the_endpoint_on_the_stack(supervisor, tmp_path):
    pid = busy(supervisor, tmp_path)

    with spied(supervisor, pid, tmp_path) as seen:
        before = os.times().elapsed
        wait_until(lambda: os.times().elapsed - before > 0.5, timeout_s=30, what="samples")

    if "ermission" in seen.reason:
        pytest.skip(f"the system does not permit it: {seen.reason}")
    stacks, _, _ = stacks_of(seen.lines, tmp_path)
    assert seen.reason == ""
    assert {key.split(";")[0] for key in stacks} == {"shop.list"}
    # a sample between two calls of the view has no frame of it
    assert any(";busy.py:5 view" in key for key in stacks)


def test_a_process_that_is_gone_is_told_and_raises_nothing(supervisor, tmp_path):
    with spied(supervisor, 2**22 - 3, tmp_path) as seen:
        pass

    assert "py-spy did not sample" in seen.reason
    assert [one.name for one in supervisor.processes if one.is_running] == []
