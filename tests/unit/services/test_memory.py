import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from flask_assay.services import fork_guard, memory, run_dir
from flask_assay.services.extinction import remove
from flask_assay.services.removal import remove_tree
from flask_assay.services.run_dir import RunDirectory

MUCH = 10 * memory.NEEDED_BYTES


@pytest.fixture
def room(tmp_path):
    """A file system that stands for the one in memory."""
    root = tmp_path / "shm"
    root.mkdir()
    return root


@pytest.fixture
def run(tmp_path, room, monkeypatch):
    monkeypatch.setattr(run_dir, "service_user", lambda: None)
    monkeypatch.delenv(memory.SWITCH, raising=False)
    monkeypatch.setattr(memory, "claim", partial(memory.claim, root=room))
    monkeypatch.setattr(memory, "has_room", lambda _: True)
    with RunDirectory.create(tmp_path / "base") as run:
        yield run


def age(place):
    long_ago = time.time() - 2 * memory.YOUNG_S
    os.utime(place, (long_ago, long_ago))


def test_data_lie_in_memory_only_with_room_in_memory_and_in_its_file_system(room, monkeypatch):
    monkeypatch.delenv(memory.SWITCH, raising=False)
    little = memory.NEEDED_BYTES - 1

    def ask(space, available):
        return memory.has_room(root=room, free_space=lambda _: space, available=lambda: available)

    assert ask(MUCH, MUCH)
    assert not ask(little, MUCH)
    assert not ask(MUCH, little)


def test_who_wants_the_disk_gets_it(room, monkeypatch):
    monkeypatch.setenv(memory.SWITCH, "disk")
    assert not memory.has_room(root=room, free_space=lambda _: MUCH, available=lambda: MUCH)


def test_a_machine_without_such_a_file_system_has_no_room(tmp_path):
    assert not memory.has_room(root=tmp_path / "none", free_space=lambda _: MUCH)


def test_a_container_has_what_its_own_limit_leaves(tmp_path):
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal:  9000 kB\nMemAvailable:  5000 kB\n")
    group = tmp_path / "group"
    group.mkdir()
    assert memory.available_bytes(meminfo, group) == 5000 * 1024
    (group / "memory.max").write_text("max\n")
    (group / "memory.current").write_text("900000\n")
    assert memory.available_bytes(meminfo, group) == 5000 * 1024
    (group / "memory.max").write_text("1000000\n")
    (group / "memory.stat").write_text("anon 7\ninactive_file 20000\n")
    assert memory.available_bytes(meminfo, group) == 1000000 - 900000 + 20000
    assert memory.available_bytes(tmp_path / "none", tmp_path) == 0


def test_a_run_claims_one_place_and_closing_removes_it(run, room):
    place = run.quickest()
    assert place.is_relative_to(room)
    assert run.quickest() == place
    assert memory.data_places(run.path) == [run.data, place]
    run.close()
    assert not place.exists()


def test_without_room_data_lie_in_the_run(run, monkeypatch):
    monkeypatch.setattr(memory, "has_room", lambda _: False)
    assert run.quickest() == run.data
    assert memory.data_places(run.path) == [run.data]


def test_a_foreign_directory_in_our_place_is_left_alone(run, room):
    (room / f"flask-assay-{os.geteuid()}").symlink_to(room)
    assert run.quickest() == run.data
    assert memory.sweep(room) == []


def test_who_removes_a_run_removes_its_place(run):
    place = run.quickest()
    remove(run.path, run.sockets)
    assert not place.exists()


def test_a_run_is_removed_where_no_thread_can_be_started(run, monkeypatch):
    def refuse(*_):
        raise RuntimeError("cannot schedule new futures after interpreter shutdown")

    monkeypatch.setattr(ThreadPoolExecutor, "submit", refuse)
    (run.quickest() / "base.conf").write_text("")
    (run.data / "on_disk.conf").write_text("")
    run.close()
    assert not run.path.exists()


def test_no_link_leads_a_removal_out_of_the_tree(tmp_path):
    """Neither to a directory nor to a file."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept").write_text("")
    tree = tmp_path / "tree"
    (tree / "below" / "empty").mkdir(parents=True)
    (tree / "below" / "directory").symlink_to(elsewhere)
    (tree / "file").symlink_to(elsewhere / "kept")
    (tree / "dangling").symlink_to(tmp_path / "nowhere")
    remove_tree(tree)
    assert not tree.exists()
    assert (elsewhere / "kept").exists()


def test_a_removal_ends_where_a_file_or_nothing_is(tmp_path):
    remove_tree(tmp_path / "nothing")
    (tmp_path / "link").symlink_to(tmp_path)
    remove_tree(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()


def test_a_place_goes_when_its_run_is_gone_and_nobody_holds_it(run, room):
    place = run.quickest()
    shutil.rmtree(run.path)
    age(place)
    assert memory.sweep(room) == []
    fork_guard.release(run._memory_lock)
    run._memory_lock = -1
    assert memory.sweep(room) == [run.run_id]
    assert not place.exists()


def test_a_place_stays_while_its_run_is_there(run, room):
    place = run.quickest()
    fork_guard.release(run._memory_lock)
    run._memory_lock = -1
    age(place)
    assert memory.sweep(room) == []
    assert place.exists()


def test_a_place_that_is_being_made_is_not_swept(room):
    place = room / f"flask-assay-{os.geteuid()}" / "abc"
    place.mkdir(parents=True)
    assert memory.sweep(room) == []
    age(place)
    assert memory.sweep(room) == ["abc"]
