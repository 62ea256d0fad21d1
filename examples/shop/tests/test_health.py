from shop import db
from sqlalchemy import create_engine


def test_a_healthy_process_says_so(client):
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json) == (200, {"cache": True, "database": True})
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_process_without_database_is_not_healthy(app, client, monkeypatch):
    nowhere = create_engine("postgresql://127.0.0.1:9/shop")
    with app.app_context():
        monkeypatch.setitem(db.engines, None, nowhere)
        db.session.remove()
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json["database"]) == (503, False)
