"""What answers hand out is kept beside the requests, by both of Locust's clients."""

import pytest
from tests.run.load_rig import make_rig, make_supervisor

from flask_assay.load.transcript import Heard, read_transcripts

pytestmark = pytest.mark.load

supervisor = pytest.fixture(scope="module")(make_supervisor)
rig = pytest.fixture(make_rig)

BOTH = """
from locust import FastHttpUser, HttpUser, constant

def ask(user):
    who = {"User-Agent": type(user).__name__}
    user.client.get("/missing", headers=who)
    user.client.get("/page", headers=who)
    user.client.post("/items", data="lamp", headers=who)
    user.client.post("/long", data="x" * 20_000, headers=who)
    user.client.post("/redirect", headers=who)
    with user.client.post("/caught", headers=who, catch_response=True) as answer:
        answer.success()

class Careful(HttpUser):
    wait_time = constant(0.02)
    tasks = [ask]

class Fast(FastHttpUser):
    wait_time = constant(0.02)
    tasks = [ask]
"""

COOKIE = ("seen=1",)
HEARD = {
    "/missing": None,  # only reads, and hands out nothing
    "/page": Heard(200, COOKIE, "", b"hello"),
    "/items": Heard(200, COOKIE, "", b"hellolamp"),
    "/long": Heard(200, COOKIE, "", b""),
    "/redirect": Heard(302, (), "/landing", b""),
    "/caught": Heard(200, COOKIE, "", b"hello"),
}


def test_both_clients_keep_what_the_first_answer_handed_out(rig):
    def both_asked_everything(rows):
        return len({(row.user, row.name) for row in rows}) == 2 * len(HEARD)

    rig.run(BOTH, users=2, until=both_asked_everything)
    told = [each for each in read_transcripts(rig.private_dir) if each.status]
    for client in ("Careful", "Fast"):
        found = {
            (each.path, each.heard) for each in told if dict(each.headers)["User-Agent"] == client
        }
        assert found == set(HEARD.items()), client
