"""What a user asked in a session that ended is asked again in the one that it began later."""

from flask_assay.gather.sessions import renewed_among, successions
from flask_assay.load.transcript import Said
from flask_assay.model.rows import ClientRow, Phase

ANY = ("Accept", "*/*")


def asked(*told):
    """Return requests and rows of (user, path, token), one after the other."""
    every = [
        Said(at, at, "GET", path, (ANY, *([("Authorization", token)] if token else [])), b"", 200)
        for at, (_, path, token) in enumerate(told, 1)
    ]
    rows = [
        ClientRow(at, at, 1, at, path, 200, 0, Phase.STEADY, user, 0, 1, "")
        for at, (user, path, _) in enumerate(told, 1)
    ]
    return every, rows


def tokens(every):
    return [dict(said.headers).get("Authorization") for said in every]


def test_a_session_is_over_when_its_user_began_another_one_and_left_it():
    every, rows = asked((1, "/a", "old"), (1, "/b", "new"), (2, "/a", "other"), (1, "/", None))
    ended = successions(every, rows)
    assert ended == {(("Authorization", "old"),): (("Authorization", "new"),)}


def test_no_session_is_over_where_two_are_used_in_turn():
    every, rows = asked((1, "/a", "x"), (1, "/b", "y"), (1, "/a", "x"), (1, "/b", "y"))
    assert successions(every, rows) == {}


def test_what_goes_on_comes_first_and_what_is_over_is_followed_by_its_renewal():
    every, rows = asked((1, "/a", "old"), (2, "/a", "other"), (1, "/b", "new"))
    found = renewed_among("GET /a", every[:2], successions(every, rows))
    assert tokens(found) == ["other", "old", "new"]
    assert [said.request_id for said in found] == [2, 1, 0]
    assert all(said.headers[0] == ANY for said in found)


def test_one_renewal_is_enough_however_many_sessions_there_were():
    every, rows = asked(*((1, "/a", f"t{k}") for k in range(4)), (1, "/b", "last"))
    found = renewed_among("GET /a", every[:4], successions(every, rows))
    assert tokens(found) == ["t0", "last", "t1", "t2", "t3"]


def test_nobody_is_signed_out_of_a_session_that_goes_on():
    every, rows = asked((1, "/logout", "old"), (1, "/b", "new"))
    ended = successions(every, rows)
    assert tokens(renewed_among("GET /logout", every[:1], ended)) == ["old"]
    assert tokens(renewed_among("GET /log/out", every[:1], ended)) == ["old", "new"]
