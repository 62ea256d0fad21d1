"""Egress: this machine passes, the rest is refused and listed."""

import json
import socket

import pytest

from flask_assay.guard import egress


@pytest.fixture
def guarded(tmp_path):
    egress.attach(frozenset({"api.allowed.test"}), tmp_path)
    yield tmp_path
    egress.detach()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost", "0.0.0.0", ""])
def test_this_machine_is_local(host):
    assert egress.is_local(host)


@pytest.mark.parametrize("host", ["10.0.0.1", "example.org", "192.168.1.1", "localhost.evil.test"])
def test_any_other_host_is_not(host):
    assert not egress.is_local(host)


def test_a_name_outside_is_refused_before_it_is_looked_up(guarded):
    with pytest.raises(ConnectionRefusedError, match=r"outside\.test"):
        socket.create_connection(("outside.test", 80), timeout=1)


def test_a_refused_host_is_listed_once(guarded):
    for _ in range(3):
        with pytest.raises(ConnectionRefusedError):
            socket.getaddrinfo("outside.test", 80)
    lines = (guarded / "events.jsonl").read_text().splitlines()
    assert [json.loads(line)["text"] for line in lines] == [
        "the app tried to reach outside.test: refused (setting egress_allow)"
    ]


def test_a_connection_on_this_machine_passes(guarded):
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=2).close()


def test_nothing_is_refused_after_detach(tmp_path):
    egress.attach(frozenset(), tmp_path)
    egress.detach()
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=2).close()
    with pytest.raises(OSError) as caught:
        socket.getaddrinfo("name.invalid", 80)
    assert not isinstance(caught.value, ConnectionRefusedError)


@pytest.mark.parametrize("port", [5432, 6379, 27017])
def test_a_data_server_of_this_machine_is_refused_and_listed_by_its_port(guarded, port):
    with pytest.raises(ConnectionRefusedError, match=f"127.0.0.1:{port} is where"):
        socket.create_connection(("127.0.0.1", port), timeout=1)
    assert f"127.0.0.1:{port}" in (guarded / "events.jsonl").read_text()


@pytest.mark.parametrize("allowed", ["127.0.0.1:5432", "127.0.0.1"])
def test_a_data_server_that_is_allowed_by_name_is_not_refused(tmp_path, allowed):
    egress.attach(frozenset({allowed}), tmp_path)
    try:
        socket.create_connection(("127.0.0.1", 5432), timeout=1).close()
    except OSError as error:
        assert "flask-assay" not in str(error)
    finally:
        egress.detach()


def test_the_runs_own_servers_are_reached_over_tcp(tmp_path):
    egress.attach(frozenset(), tmp_path, places=frozenset({("127.0.0.1", 6379)}))
    try:
        socket.create_connection(("127.0.0.1", 6379), timeout=1).close()
    except OSError as error:
        assert "flask-assay" not in str(error)
    finally:
        egress.detach()
