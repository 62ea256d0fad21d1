from datetime import timedelta

import pytest
import time_machine
from factories import PASSWORD, UserFactory
from shop import db
from shop.database import now
from shop.models import Token, User
from shop.services import accounts, uploads
from sqlalchemy import select

PNG = b"\x89PNG\r\n\x1a\n" + b"pixels"


def credentials(**changes) -> dict:
    return {"username": "grace", "password": "hopper"} | changes


def test_a_visitor_registers_logs_in_reads_the_profile_and_logs_out(client):
    assert client.post("/register", json=credentials()).status_code == 201
    login = client.post("/login", json=credentials())
    assert login.status_code == 200
    bearer = {"Authorization": f"Bearer {login.json['token']}"}
    profile = client.get("/profile", headers=bearer)
    assert profile.status_code == 200
    assert profile.json["username"] == "grace"
    assert client.post("/logout", headers=bearer).status_code == 200
    assert client.get("/profile", headers=bearer).status_code == 401


def test_a_username_is_taken_once(client):
    assert client.post("/register", json=credentials()).status_code == 201
    again = client.post("/register", json=credentials(password="other"))
    assert again.status_code == 409
    assert "taken" in again.json["error"]["message"]


def test_neither_password_nor_token_is_stored_in_clear(app, client, log_in):
    client.post("/register", json=credentials())
    token = client.post("/login", json=credentials()).json["token"]
    with app.app_context():
        stored = db.session.scalar(select(User.password_hash))
        assert stored.startswith("scrypt:")
        assert "hopper" not in stored
        assert token not in db.session.scalars(select(Token.digest)).all()


@pytest.mark.parametrize(
    "wrong", [{"password": "wrong"}, {"username": "nobody"}], ids=["password", "username"]
)
def test_wrong_credentials_are_refused_without_saying_which(client, wrong):
    client.post("/register", json=credentials())
    refused = client.post("/login", json=credentials(**wrong))
    assert refused.status_code == 401
    assert refused.json["error"]["message"] == "wrong username or password"


@pytest.mark.parametrize(
    "header",
    [None, "Bearer", "Bearer ", "Bearer unknown", "Basic dXNlcjpwdw==", "Bearer \u00e9"],
)
def test_a_profile_needs_a_valid_token(client, header):
    headers = {"Authorization": header} if header else {}
    refused = client.get("/profile", headers=headers)
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"] == "Bearer"


def test_a_token_that_is_too_old_counts_no_more(app, buyer):
    lifetime = timedelta(days=app.config["TOKEN_LIFETIME_DAYS"])
    with time_machine.travel(now() + lifetime - timedelta(minutes=1)):
        assert buyer.get("/profile").status_code == 200
    with time_machine.travel(now() + lifetime):
        assert buyer.get("/profile").status_code == 401
        with app.app_context():
            assert accounts.delete_expired_tokens() == 1


def test_logging_out_ends_one_login_only(user, log_in):
    laptop, phone = log_in(user), log_in(user)
    laptop.post("/logout")
    assert laptop.get("/profile").status_code == 401
    assert phone.get("/profile").status_code == 200


def test_a_profile_stays_out_of_shared_caches(buyer):
    assert buyer.get("/profile").headers["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "username"),
        ({"username": "", "password": "x"}, "username"),
        ({"username": "x" * 81, "password": "x"}, "username"),
        ({"username": 7, "password": "x"}, "username"),
        ({"username": "a\0b", "password": "x"}, "username"),
        ({"username": "grace"}, "password"),
        ({"username": "grace", "password": "x", "email": 1}, "email"),
    ],
)
def test_a_bad_registration_names_the_field(client, body, field):
    refused = client.post("/register", json=body)
    assert refused.status_code == 400
    assert repr(field) in refused.json["error"]["message"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"'])
def test_a_body_that_is_no_json_object_is_refused(client, body):
    refused = client.post("/register", data=body, content_type="application/json")
    assert refused.status_code == 400


def test_who_gives_an_address_gets_a_welcome_mail(client, assay_mail):
    client.post("/register", json=credentials(email="grace@example.com"))
    (mail,) = assay_mail
    assert mail["To"] == "grace@example.com"
    assert "Hello grace" in mail.get_content()


def test_an_avatar_goes_to_the_storage_while_no_connection_is_held(
    app, buyer, user, stubs, monkeypatch
):
    with app.app_context():
        pool = db.engine.pool
    held = []
    store = uploads.store
    monkeypatch.setattr(
        uploads, "store", lambda *args: held.append(pool.checkedout()) or store(*args)
    )
    assert buyer.put("/profile/avatar", data=PNG).status_code == 200
    assert held == [0]
    (call,) = stubs.calls("PUT", f"/s3/shop/avatars/{user.id}-")
    assert call.headers["Content-Type"] == "image/png"
    assert buyer.get("/profile").json["avatar"] in call.path


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"GIF89a", 415), (b"", 415), (PNG + bytes(300_000), 413), (PNG + bytes(2_000_000), 413)],
)
def test_only_small_pictures_are_taken(buyer, stubs, content, status):
    assert buyer.put("/profile/avatar", data=content).status_code == status
    assert not stubs.calls("PUT", "/s3/")


def test_the_avatar_stays_as_it_was_when_the_storage_is_down(buyer, stubs):
    stubs.script("PUT", "/s3/", status=503)
    refused = buyer.put("/profile/avatar", data=PNG)
    assert refused.status_code == 503
    assert "later" in refused.json["error"]["message"]
    assert buyer.get("/profile").json["avatar"] is None


def test_production_wants_long_passwords(app, client, monkeypatch):
    monkeypatch.setitem(app.config, "PASSWORD_MIN_LENGTH", 12)
    assert client.post("/register", json=credentials()).status_code == 400


def test_an_unknown_name_costs_a_hash_as_well(client, monkeypatch):
    """Otherwise the time of an answer tells which names exist."""
    UserFactory(username="known")
    checked = []
    real = accounts.check_password_hash
    monkeypatch.setattr(
        accounts, "check_password_hash", lambda *args: checked.append(args[0]) or real(*args)
    )
    for name in ("known", "unknown"):
        client.post("/login", json={"username": name, "password": PASSWORD + "x"})
    assert [stored.split("$")[0] for stored in checked] == ["scrypt:256:8:1"] * 2
