from pathlib import Path

import pytest

from flask_assay.errors import NotOursError
from flask_assay.services.ownership import (
    FACTS_SQL,
    MARKER_EXISTS_SQL,
    MARKER_SQL,
    Server,
    marker_sql,
    prove,
)
from flask_assay.services.psql import literal, quoted

SERVER = Server(Path("/run/s"), 5432, "777", "nonce")


def connection(*, database="shop", identifier="777", is_local=True, nonces=("nonce",)):
    answers = {
        FACTS_SQL: [(database, identifier, is_local, "assay_app")],
        MARKER_EXISTS_SQL: [(nonces is not None,)],
        MARKER_SQL: [(nonce,) for nonce in nonces or ()],
    }
    return answers.__getitem__


def test_all_proofs_together_make_a_database_ours():
    db = prove(connection(), SERVER, host="/run/s")
    assert (db.name, db.nonce, db.user, db.host) == ("shop", "nonce", "assay_app", "")


def test_values_as_text_are_as_good_as_typed_ones():
    assert prove(connection(is_local="t", identifier=777), SERVER, host="/run/s").name == "shop"


@pytest.mark.parametrize(
    ("facts", "host", "reason"),
    [
        ({"nonces": None}, "/run/s", "no marker of flask-assay"),
        ({"nonces": ()}, "/run/s", "no marker of flask-assay"),
        ({"nonces": ("old",)}, "/run/s", "another run's marker"),
        ({"identifier": "778"}, "/run/s", "its cluster is not our server's"),
        ({"is_local": False}, "/run/s", "over the network"),
        ({}, "localhost", "over the network"),
        ({}, "", "over the network"),
        ({}, "/run/t", "not in this run's directory"),
    ],
)
def test_each_proof_that_is_missing_refuses(facts, host, reason):
    with pytest.raises(NotOursError, match='database "shop"') as caught:
        prove(connection(**facts), SERVER, host=host)
    assert reason in caught.value.what
    assert caught.value.what.count(";") == 0


def test_a_refusal_gives_every_reason():
    with pytest.raises(NotOursError) as caught:
        prove(connection(nonces=None, identifier="1", is_local=False), SERVER, host="db.example")
    assert "at db.example" in caught.value.what
    assert caught.value.what.count(";") == 2


def test_a_hostile_name_cannot_leave_its_quotes():
    assert quoted('a"; DROP') == '"a""; DROP"'
    assert literal("it's \\") == "'it''s \\'"
    assert "('it''s', 'r')" in marker_sql("it's", "r")
