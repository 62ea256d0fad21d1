import os
import subprocess
import sys
from pathlib import Path

import pytest

from flask_assay.services import processes
from flask_assay.services.processes import (
    RUN_VARIABLE,
    Identity,
    ProcessRow,
    family,
    identify,
    is_alive,
    marked,
    parse_stat,
    table,
)

STAT = "42 (a) b (c) S 7 40 39 0 -1 4194560 1 0 0 0 1 2 0 0 20 0 1 0 98765 0 0"


def row(pid, parent, group=None):
    return ProcessRow(pid, parent, pid if group is None else group, 1, "0", "S")


def test_a_name_with_spaces_and_brackets_does_not_shift_the_fields():
    assert parse_stat(STAT) == ProcessRow(42, 7, 40, 39, "98765", "S")


def test_a_process_knows_itself_and_is_alive():
    me = identify(os.getpid())
    assert me.pid == os.getpid()
    assert is_alive(me)


def test_the_same_pid_with_another_start_or_boot_is_another_process():
    me = identify(os.getpid())
    assert not is_alive(Identity(me.pid, me.start + "1", me.boot))
    assert not is_alive(Identity(me.pid, me.start, "another boot"))


def test_a_zombie_is_not_alive():
    process = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE)
    process.stdout.read()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert identify(process.pid) is None
    assert process.pid not in table()
    process.wait()
    process.stdout.close()


def test_a_family_holds_descendants_in_groups_of_their_own_and_orphans_in_its_group():
    rows = {
        r.pid: r
        for r in (
            row(10, 1),
            row(11, 10),  # leads its own group, as a backend does
            row(12, 11, 11),
            row(13, 1, 10),  # its parent died
            row(14, 1, 11),
            row(20, 1),
            row(21, 20),
        )
    }
    assert family(rows, {10}) == {10, 11, 12, 13, 14}


def test_a_root_that_is_gone_has_no_family():
    assert family({20: row(20, 1)}, {10}) == set()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="reads /proc")
def test_only_the_whole_mark_of_a_run_counts():
    process = subprocess.Popen(
        [sys.executable, "-c", "print(1, flush=True); input()"],
        env={RUN_VARIABLE: "0123abcd"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    process.stdout.readline()
    rows = table()
    assert marked(rows, "0123abcd", Path("/nowhere")) == {process.pid}
    assert marked(rows, "0123abc", Path("/nowhere")) == set()
    process.communicate(b"\n")


def test_a_server_is_known_by_its_place_only_if_it_is_a_server(tmp_path):
    process = subprocess.Popen(["sleep", "60"], cwd=tmp_path)
    assert processes.serving(table(), tmp_path) == set()
    process.kill()
    process.wait()


def test_without_proc_the_table_comes_from_ps(monkeypatch, tmp_path):
    listing = (
        "  42     7    42 0 Ss Fri Nov 20 09:58:44 2026\n  43 42 42 0 Z Fri Nov 20 09:58:45 2026\n"
    )

    class Done:
        stdout = listing

    monkeypatch.setattr(processes, "PROC", tmp_path)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: Done)
    assert table() == {42: ProcessRow(42, 7, 42, 0, "Fri Nov 20 09:58:44 2026", "S")}
    assert identify(42) == Identity(42, "Fri Nov 20 09:58:44 2026", "")
    assert identify(43) is None
