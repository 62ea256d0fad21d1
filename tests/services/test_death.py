"""Whatever kills the owner, nothing of its run is left, and nothing else is touched."""

import json
import os
import random
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from tests.services.owners import Owner, is_live
from tests.thorough import repetitions

from flask_assay.services.processes import boot_id, identify
from flask_assay.services.reaper import reap
from flask_assay.services.run_dir import RunDirectory
from flask_assay.services.waiting import wait_until

pytestmark = pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks into /proc")


def test_an_owner_killed_while_it_provisions_leaves_nothing(tmp_base):
    with Owner(tmp_base, "provisioning") as owner:
        owner.wait_for_process("initdb")
        owner.kill()
        owner.assert_nothing_left()


def test_an_owner_killed_while_its_server_starts_leaves_nothing(base):
    with Owner(base, "provisioning") as owner:
        owner.wait_for_process("postgres")
        owner.kill()
        owner.assert_nothing_left()


@pytest.mark.parametrize("scenario", ["ready", "cloning", "stopping"])
def test_an_owner_killed_later_leaves_nothing(base, scenario):
    with Owner(base, scenario) as owner:
        owner.line(f"at {scenario}")
        assert owner.left()
        owner.kill()
        owner.assert_nothing_left()


def test_frozen_servers_do_not_outlive_their_owner(base):
    with Owner(base, "frozen") as owner:
        owner.line("at frozen")
        owner.kill()
        owner.assert_nothing_left()


def test_with_the_watchdog_killed_first_nothing_is_left_but_a_directory_for_the_reaper(base):
    with Owner(base, "ready") as owner:
        owner.line("settled")
        os.kill(owner.watchdog(), signal.SIGKILL)
        owner.kill()
        owner.assert_nothing_left(directory=False)
        assert owner.path.exists()
        assert owner.run_id in reap(base)
        assert not owner.path.exists()
        assert not owner.in_memory()


def test_a_forked_child_of_the_owner_does_not_keep_the_servers_alive(base):
    with Owner(base, "forked") as owner:
        child = int(owner.line("child").split()[1])
        owner.line("settled")
        try:
            owner.kill()
            owner.assert_nothing_left()
            assert is_live(child)
        finally:
            os.kill(child, signal.SIGKILL)


def test_a_grandchild_that_left_the_group_and_dropped_the_mark_ends_too(base):
    with Owner(base, "family") as owner:
        grandchild = int(owner.line("grandchild").split()[1])
        owner.line("settled")
        assert is_live(grandchild)
        owner.kill()
        owner.assert_nothing_left()
        wait_until(lambda: not is_live(grandchild), timeout_s=60, what="the grandchild ends")


def test_the_terminals_signals_do_not_reach_the_servers_or_the_watchdog(base):
    with Owner(base, "ready") as owner:
        owner.line("settled")
        watchdog = owner.watchdog()
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
            os.kill(watchdog, number)
        groups = {os.getpgid(pid) for pid in (*owner.registered().values(), watchdog)}
        assert os.getpgid(owner.popen.pid) not in groups
        assert is_live(watchdog)


def dead_run(base, pid, start):
    """A run whose owner is gone, with one registration."""
    run = RunDirectory.create(base)
    kept = run.path.parent / f"kept-{run.run_id}"
    shutil.copytree(run.path, kept)
    run.close()
    path = run.path.parent / run.run_id
    kept.rename(path)
    facts = json.loads((path / "owner.json").read_text())
    facts["owner"]["start"] = "1"
    (path / "owner.json").write_text(json.dumps(facts))
    entry = {
        "name": "postgres",
        "identity": {"pid": pid, "start": start, "boot": boot_id()},
        "end_signal": int(signal.SIGQUIT),
        "session": os.getsid(0),
    }
    (path / "processes" / f"{pid}.json").write_text(json.dumps(entry))
    return run.run_id, path


@pytest.fixture
def bystander(tmp_path):
    """Something named postgres that is none of ours."""
    program = tmp_path / "postgres"
    shutil.copy(shutil.which("sleep"), program)
    process = subprocess.Popen([program, "600"], process_group=0)
    yield process
    process.kill()
    process.wait()


def test_a_recycled_pid_is_not_touched(base, bystander):
    run_id, path = dead_run(base, bystander.pid, start="1")
    assert run_id in reap(base)
    assert bystander.poll() is None
    assert not path.exists()


def test_a_registered_process_of_a_dead_run_is_ended(base, bystander):
    run_id, _ = dead_run(base, bystander.pid, start=identify(bystander.pid).start)
    assert run_id in reap(base)
    # KILL follows where the machine stood still for as long as the polite signal is given
    assert bystander.wait(60) in (-signal.SIGQUIT, -signal.SIGKILL)


def test_a_foreign_postgres_that_names_our_path_is_not_touched(base, tmp_path):
    run_id, path = dead_run(base, 2**22 - 1, start="1")
    program = tmp_path / "postgres"
    shutil.copy(shutil.which("sleep"), program)
    foreign = subprocess.Popen([program, "600"], env={"PGDATA": str(path / "data" / "postgres")})
    try:
        assert run_id in reap(base)
        assert foreign.poll() is None
    finally:
        foreign.kill()
        foreign.wait()


def test_a_living_run_is_not_reaped(base):
    with Owner(base, "ready") as owner:
        owner.line("settled")
        assert owner.run_id not in reap(base)
        assert owner.left()


def test_a_run_in_this_very_process_is_not_reaped(base, run):
    assert run.run_id not in reap(base)
    assert run.path.exists()


@pytest.fixture
def tmp_base(base):
    """A base without caches: the first run there initialises."""
    path = base.parent / f"fresh-{random.Random().randrange(10**9)}"
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(repetitions(20, 100)))
def test_an_owner_killed_at_any_moment_leaves_nothing(base, number):
    dice = random.Random(number)
    scenario = dice.choice(["provisioning", "ready", "cloning", "stopping", "frozen", "family"])
    with Owner(base, scenario) as owner:
        try:
            owner.popen.wait(dice.uniform(0, 3))
        except subprocess.TimeoutExpired:
            owner.kill()
        owner.assert_nothing_left(directory=False)
        reap(base)
        assert not owner.path.exists()
