import pytest

from flask_assay.services import segments

HEADER = "       key      shmid perms                  size  cpid  lpid nattch   uid   gid\n"


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A segment table and a server's lock file; what is removed is noted."""
    removed = []
    monkeypatch.setattr(segments, "TABLE", tmp_path / "shm")
    monkeypatch.setattr(segments, "_remove", lambda number: removed.append(number) or True)
    (tmp_path / "postgres").mkdir()

    def release(
        *, key=7, number=3, maker=42, attached=0, lock="42\n/d\n0\n5432\n/s\n\n7 3\nready\n"
    ):
        (tmp_path / "shm").write_text(
            f"{HEADER} {key} {number} 600 56 {maker} 42 {attached} 65534 65534\n"
        )
        (tmp_path / "postgres" / "postmaster.pid").write_text(lock)
        segments.release_segments(tmp_path)
        return removed

    return release


def test_the_segment_of_a_dead_server_is_removed(machine):
    assert machine() == [3]


def test_the_negative_pid_of_a_bootstrapping_server_is_read(machine):
    assert machine(lock="-42\n/d\n0\n5432\n/s\n\n7 3\n") == [3]


@pytest.mark.parametrize(
    "changes",
    [{"key": 8}, {"number": 4}, {"maker": 43}, {"attached": 1}, {"lock": "42\n"}, {"lock": ""}],
)
def test_a_segment_that_is_not_surely_ours_stays(machine, changes):
    assert machine(**changes) == []
