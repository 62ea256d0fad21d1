from flask_assay.load.recorder import LoadRecorder, open_rows_file
from flask_assay.model.rows import ClientRow, Phase
from flask_assay.recording.directory import MANIFEST, SCHEMA_VERSION, rows_path, write_document
from flask_assay.recording.reader import open_recording


class FixedClock:
    def monotonic_ns(self):
        return 1_000

    def unix_ns(self):
        return 2_000


def row(**more):
    settings = {
        "start_ns": 1_234_567_891,
        "due_ns": 1_234_567_890,
        "wall_ns": 4_321_987,
        "request_id": 2**63 + 5,
        "name": "GET /",
        "status": 200,
        "flags": 0,
        "phase": Phase.STEADY,
        "user": 3,
        "body_bytes": 12,
        "exchange_count": 1,
        "error": "",
    }
    return ClientRow(**{**settings, **more})


def recorder(directory, **more):
    write_document(directory, MANIFEST, {"schema_version": SCHEMA_VERSION})
    return LoadRecorder(open_rows_file(directory, 7), clock=FixedClock(), pid=7, **more)


def test_a_row_comes_back_to_the_nanosecond(tmp_path):
    kept = recorder(tmp_path)
    given = [row(), row(name="POST /x", error="HTTP 500", status=500, flags=1)]
    for each in given:
        kept.record(each)
    kept.flush()
    (file,) = open_recording(tmp_path).load_files
    assert list(file.clients) == given
    assert file.pid == 7
    assert file.clock == {"monotonic_ns": 1_000, "unix_ns": 2_000}


def test_nothing_is_written_before_a_flush_and_all_of_it_after(tmp_path):
    kept = recorder(tmp_path)
    kept.record(row())
    assert open_recording(tmp_path).client_requests == ()
    kept.flush()
    kept.flush()
    assert len(open_recording(tmp_path).client_requests) == 1


def test_a_torn_file_reads_up_to_the_tear(tmp_path):
    kept = recorder(tmp_path)
    for number in range(3):
        kept.record(row(name=f"GET /{number}"))
        kept.flush()
    path = rows_path(tmp_path, "load", 7)
    whole = path.read_bytes()
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        names = [each.name for each in open_recording(tmp_path).client_requests]
        assert names == ["GET /0", "GET /1", "GET /2"][: len(names)]
    assert len(names) == 2


def test_a_million_urls_do_not_become_a_million_names(tmp_path):
    kept = recorder(tmp_path, name_limit=10)
    for number in range(50):
        kept.record(row(name=f"GET /{number}"))
    kept.flush()
    names = [each.name for each in open_recording(tmp_path).client_requests]
    assert names[:9] == [f"GET /{number}" for number in range(9)]
    assert set(names[9:]) == {"(other)"}


def test_counts_wider_than_their_field_are_capped_not_wrapped(tmp_path):
    kept = recorder(tmp_path)
    kept.record(row(body_bytes=2**40, exchange_count=300))
    kept.flush()
    (read,) = open_recording(tmp_path).client_requests
    assert (read.body_bytes, read.exchange_count) == (2**32 - 1, 255)


def test_the_last_counters_are_valid(tmp_path):
    kept = recorder(tmp_path)
    kept.write_counters({"requests": 1})
    kept.write_counters({"requests": 2})
    (file,) = open_recording(tmp_path).load_files
    assert file.counters == {"requests": 2}


def test_the_rows_file_is_for_its_owner_only(tmp_path):
    recorder(tmp_path)
    assert rows_path(tmp_path, "load", 7).stat().st_mode & 0o777 == 0o600
