"""What workers learn of the server, whatever became of it."""

import json
import threading

import pytest

from flask_assay.errors import ServiceError
from flask_assay.pytest_plugin.shared import SharedServer, leave, wait_for_server
from flask_assay.sandbox import provision
from flask_assay.sandbox.admin import ServerAddress
from flask_assay.sandbox.provision import Provision

SERVER = ServerAddress("/sockets", 5432, "nonce", "1", "run")


class Attachment:
    def own_connect(self):
        return self.connect

    def connect(self, **_):
        raise ConnectionRefusedError


def test_workers_find_what_was_provided(tmp_path):
    shared = SharedServer(tmp_path / "state.json", ["gw0"])
    shared.publish(lambda: Provision(SERVER, [], "digest"), Attachment())
    shared.close()
    found = wait_for_server(shared.state)
    assert (found.server, found.digest, found.is_cached) == (SERVER, "digest", True)
    assert shared.state.stat().st_mode & 0o077 == 0


def test_workers_end_with_the_reason_why_there_is_no_server(tmp_path):
    def fail():
        raise pytest.exit.Exception("TargetError: no such app")

    shared = SharedServer(tmp_path / "state.json", ["gw0"])
    with pytest.raises(pytest.exit.Exception, match="no such app"):
        shared.publish(fail, Attachment())
    shared.close()
    with pytest.raises(pytest.exit.Exception, match="no such app"):
        wait_for_server(shared.state)


def test_a_state_is_seen_whole_or_not_at_all(tmp_path, monkeypatch):
    seen = []

    def write(_provision, path):
        seen.append(path)
        path.write_text("{")
        raise OSError("the disk is full")

    monkeypatch.setattr("flask_assay.pytest_plugin.shared.write_provision", write)
    shared = SharedServer(tmp_path / "state.json", [])
    with pytest.raises(OSError, match="full"):
        shared.publish(lambda: Provision(SERVER, [], "digest"), Attachment())
    assert seen != [shared.state]
    assert "full" in json.loads(shared.state.read_text())["error"]


def test_a_provision_reads_as_it_was_written(tmp_path):
    provision.write_provision(Provision(SERVER, [], "digest"), tmp_path / "state")
    assert provision.read_provision(tmp_path / "state").server == SERVER


@pytest.fixture
def two_workers(tmp_path):
    return SharedServer(tmp_path / "sandbox.json", ["gw0", "gw1"])


def test_the_server_is_stopped_once_every_worker_has_let_go(two_workers):
    stopped = threading.Event()
    leave(str(two_workers.state), "gw0")
    two_workers.when_left(stopped.set)
    leave(str(two_workers.state), "gw1")
    assert stopped.wait(60)
    two_workers.close()


def test_the_server_stays_where_a_worker_never_let_go(two_workers):
    stopped = []
    leave(str(two_workers.state), "gw1")
    two_workers.when_left(lambda: stopped.append(1))
    two_workers.close()  # stops what watches, and leaves the server to who closes
    assert not stopped


def test_what_fails_as_the_server_is_stopped_is_left_to_who_closes(two_workers):
    def fail():
        raise ServiceError("postgres does not end")

    for worker in ("gw0", "gw1"):
        leave(str(two_workers.state), worker)
    two_workers.when_left(fail)
    two_workers.close()


def test_a_worker_that_lets_go_after_the_session_is_told_nothing(tmp_path):
    leave(str(tmp_path / "gone" / "sandbox.json"), "gw0")
    leave("", "gw0")
