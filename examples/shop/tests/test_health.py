def test_a_healthy_process_says_so(client):
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json) == (200, {"cache": True, "database": True})
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_process_without_database_is_not_healthy(client, assay_db):
    with assay_db.down():
        answer = client.get("/healthz")
    assert (answer.status_code, answer.json["database"]) == (503, False)
    assert client.get("/healthz").status_code == 200
