"""What workers learn of the server, whatever became of it."""

import json

import pytest

from flask_assay.pytest_plugin.shared import SharedServer, wait_for_server
from flask_assay.sandbox import template
from flask_assay.sandbox.admin import ServerAddress
from flask_assay.sandbox.template import Provision

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
    template.write_provision(Provision(SERVER, [], "digest"), tmp_path / "state")
    assert template.read_provision(tmp_path / "state").server == SERVER
