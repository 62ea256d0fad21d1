"""Copies that wait for workers: who gets which."""

from pathlib import Path

import pytest

from flask_assay.sandbox.admin import ServerAddress
from flask_assay.sandbox.ready import obtain, prepare, ready_name

SERVER = ServerAddress("/sockets", 5432, "nonce", "1", "run")
TEMPLATE = SERVER.database("template_1")


class Admin:
    """Stands for a server: knows names, renames and clones as PostgreSQL would."""

    def __init__(self, *names):
        self.server, self.names, self.queries = SERVER, {"template_1", *names}, []

    def run(self, text):
        old, new = text.split('"')[1::2]
        if old not in self.names or new in self.names:
            raise RuntimeError(text)
        self.names = self.names - {old} | {new}

    def clone(self, template, name, *, strategy=""):
        if name in self.names:
            raise RuntimeError(name)
        self.names.add(name)
        return SERVER.database(name)

    def query(self, db, text):
        self.queries.append((db.name, text))


def test_a_copy_that_waits_is_renamed_and_marked_as_this_runs():
    admin = Admin("template_1_ready_gw0")
    db = obtain(admin, TEMPLATE, "gw0", "mine")
    assert db == SERVER.database("mine")
    assert db.socket_dir == Path("/sockets")
    assert admin.names == {"template_1", "mine"}
    ((name, text),) = admin.queries
    assert name == "mine"
    assert "nonce = 'nonce'" in text
    assert text.startswith("UPDATE flask_assay.marker")


@pytest.mark.parametrize("waiting", [(), ("template_1_ready_gw1",)])
def test_without_a_copy_of_its_own_a_worker_clones(waiting):
    admin = Admin(*waiting)
    assert obtain(admin, TEMPLATE, "gw0", "mine").name == "mine"
    assert admin.names == {"template_1", "mine", *waiting}


def test_the_first_worker_has_the_kept_copy_and_the_others_have_new_ones():
    admin = Admin(ready_name(TEMPLATE))
    prepare(admin, [TEMPLATE], ["gw0", "gw1", "gw2"])
    assert admin.names == {"template_1", *(f"template_1_ready_gw{n}" for n in range(3))}


def test_a_copy_that_cannot_be_made_keeps_no_other_from_being_made():
    admin = Admin("template_1_ready_gw0")
    prepare(admin, [TEMPLATE], ["gw0", "gw1"])
    assert "template_1_ready_gw1" in admin.names
