import json
import os
import signal

import pytest

from flask_assay.model.rows import ClientFlag, Phase
from flask_assay.services.run_dir import RunDirectory
from flask_assay.services.supervisor import Supervisor
from flask_assay.services.waiting import wait_until
from tests.run.load_rig import Rig, assert_conserved, counting_target, journey, until_phase

pytestmark = pytest.mark.load

MIXED = """
from locust import HttpUser, FastHttpUser, task, between, tag, events
import locust

seen_by_listener = []

@events.request.add_listener
def on_request(request_type, name, response_time, exception, **kw):
    seen_by_listener.append(name)

class Visitor(BASE):
    wait_time = between(0.001, 0.01)

    def on_start(self):
        self.client.get("/login")

    @task(3)
    def page(self):
        self.client.get("/page?x=1")

    @task
    def grouped(self):
        self.client.get("/items/7", name="/items/[id]")

    @task
    def write(self):
        self.client.post("/items", json={"name": "lamp"})

    @task
    def redirected(self):
        self.client.get("/twice")

    @task
    def fails(self):
        self.client.get("/error")

    @task
    def expected(self):
        with self.client.get("/missing", catch_response=True) as response:
            self.client.get("/inner")
            response.success()

    @task
    def judged(self):
        with self.client.get("/page", catch_response=True) as response:
            response.failure("not what I wanted")

    @task
    def raises_inside(self):
        with self.client.get("/raises", catch_response=True) as response:
            raise KeyError("oops")

    @task
    def raises_outside(self):
        self.client.get("/before")
        raise ValueError("task broke")

    @task
    def forgotten(self):
        self.client.get("/forgotten", catch_response=True)

    @task
    def slow(self):
        self.client.get("/slow?s=0.05", name="/slow")

    @task
    def not_by_client(self):
        import requests
        import urllib.request
        requests.get(self.host + "/requests")
        urllib.request.urlopen(self.host + "/urllib").read()

    def on_stop(self):
        self.client.get("/logout")
"""


@pytest.fixture(scope="module")
def supervisor():
    with RunDirectory.create() as run, Supervisor(run) as owner:
        yield owner


@pytest.fixture
def rig(tmp_path, supervisor):
    with counting_target(tmp_path) as target:
        yield Rig(tmp_path, supervisor, target)


@pytest.mark.parametrize("base", ["HttpUser", "FastHttpUser"])
def test_every_request_the_server_saw_is_in_the_rows(rig, base):
    recording = rig.run(MIXED.replace("BASE", base))
    rows = recording.client_requests
    assert_conserved(recording, rig.target)
    by_name = {row.name: row for row in rows}
    assert by_name["GET /twice"].exchange_count == 3
    assert by_name["GET /twice"].flags & ClientFlag.REDIRECTED
    assert by_name["GET /twice"].status == 200
    assert by_name["GET /error"].error == "HTTP 500"
    assert by_name["GET /missing"].flags == 0
    assert by_name["GET /page"].error == "not what I wanted"
    assert by_name["GET /raises"].error == "KeyError: 'oops'"
    assert by_name["GET /forgotten"].status == 200
    assert by_name["GET /requests (not by self.client)"].status == 200
    assert by_name["GET /urllib (not by self.client)"].status == 200
    assert "GET /items/[id]" in by_name
    assert by_name["GET /logout"].phase == Phase.DRAIN
    assert {row.phase for row in rows} == {Phase.WARM_UP, Phase.STEADY, Phase.DRAIN}
    assert any("task broke" in group.message for group in rig.last.task_errors)
    assert all(group.name.startswith("locustfile.py:") for group in rig.last.task_errors)
