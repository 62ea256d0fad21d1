import errno
import os
import threading

import pytest

from flask_assay.probe import sink as sink_module
from flask_assay.probe.sink import Sink
from flask_assay.recording import wire


def frames(path):
    return [bytes(payload) for _, payload in wire.read_frames(path.read_bytes())]


@pytest.fixture
def sink(tmp_path):
    opening = wire.frame(wire.FrameKind.CLOCK, b"open")
    closing = wire.frame(wire.FrameKind.COUNTERS, b"close")
    made = Sink(tmp_path, lambda: opening, lambda has_frames: closing if has_frames else b"")
    yield made
    made.close()


def row(text):
    return wire.frame(wire.FrameKind.REQUEST, text)


@pytest.fixture
def path(tmp_path):
    return tmp_path / f"probe-{os.getpid()}.rows"


def test_nothing_is_opened_or_started_before_a_request(sink, path):
    before = threading.active_count()
    sink.append_name(row(b"1"))
    assert not path.exists()
    assert threading.active_count() == before


def test_a_served_request_is_written_soon_without_another(sink, path):
    from flask_assay.services.waiting import wait_until

    sink.start()
    sink.rows.append(row(b"1"))
    wait_until(path.exists, timeout_s=60, what="the rows file")
    sink.flush()
    assert frames(path) == [b"open", b"1", b"close"]


def test_nothing_to_write_writes_nothing(sink, path):
    sink.flush()
    sink.close()
    assert not path.exists()


def test_a_request_that_fills_the_buffer_writes_it(sink, path):
    sink.rows.append(row(b"x" * 20))
    sink.relieve()
    assert b"x" * 20 in frames(path)


def test_memory_is_bounded_and_drops_are_counted(sink, monkeypatch):
    monkeypatch.setattr(sink_module, "MAX_ROWS", 5)
    with sink._lock:  # somebody writes, and takes long
        for _ in range(50):
            sink.rows.append(row(b"x" * 20))
            sink.relieve()
    assert sink.dropped_frames > 40
    assert len(sink.rows) < 10
    sink.append_name(b"never dropped")
    assert sink._names[-1] == b"never dropped"


def test_a_full_disk_costs_rows_and_leaves_a_readable_file(sink, path, monkeypatch):
    sink.rows.append(row(b"1"))
    sink.flush()
    real = os.write

    def write_half(file, data):
        if len(data) < 12:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(file, data[:10])

    monkeypatch.setattr(os, "write", write_half)
    sink.rows.append(row(b"2" * 50))
    sink.flush()
    monkeypatch.undo()
    sink.rows.append(row(b"3"))
    sink.flush()
    assert frames(path) == [b"open", b"1", b"close", b"open", b"3", b"close"]
    assert sink.dropped_frames == 1
    assert "No space left" in sink.last_error


def test_a_forked_child_writes_its_own_file_and_none_of_the_parents_rows(sink, tmp_path, path):
    sink.append_name(row(b"parent"))
    pid = os.fork()
    if pid == 0:
        sink.reset()
        sink.append_name(row(b"child"))
        sink.flush()
        os._exit(0)
    os.waitpid(pid, 0)
    sink.flush()
    assert frames(path) == [b"open", b"parent", b"close"]
    assert frames(tmp_path / f"probe-{pid}.rows") == [b"open", b"child", b"close"]
