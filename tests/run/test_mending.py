"""Remedies that make something right, tried on a real run: a timeout, and the key of a cache."""

import json

import pytest
from tests.run.command_rig import PATIENT_S, assay, recordings, until_answered, write_project

pytestmark = [pytest.mark.load, pytest.mark.slow, pytest.mark.measures]

APP = """
import os

import requests
from flask import Flask, jsonify, request
from flask_caching import Cache
from flask_sqlalchemy import SQLAlchemy

db, cache = SQLAlchemy(), Cache()

class Offer(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    person = db.Column(db.String(9), nullable=False)

def seed():
    db.session.execute(db.text("INSERT INTO offer SELECT i, 'p' || i % 4 FROM generate_series(1, 40) i"))
    db.session.commit()

def services():
    import http.server, threading

    class Rates(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"42")

        def log_message(self, *given):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Rates)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return {"RATES_URL": f"http://127.0.0.1:{server.server_port}/rate"}

def create_app():
    app = Flask(__name__)
    app.config.update(
        SQLALCHEMY_DATABASE_URI="postgresql:///offers",
        CACHE_TYPE="RedisCache",
        CACHE_REDIS_URL="redis://localhost:6379/0",
    )
    db.init_app(app)
    cache.init_app(app)

    @app.get("/rate")
    def rate():
        return requests.get(os.environ["RATES_URL"]).text

    @app.get("/offers")
    @cache.cached(timeout=2)
    def offers():
        person = request.headers["Authorization"]
        return jsonify([each.id for each in Offer.query.filter_by(person=person)])

    return app
"""

PEOPLE = """
import itertools

from locust import HttpUser, constant, task

NUMBERS = itertools.count()

class Person(HttpUser):
    wait_time = constant(0.02)

    def on_start(self):
        self.client.headers["Authorization"] = f"p{next(NUMBERS) % 4}"

    @task
    def offers(self):
        self.client.get("/offers")

    @task
    def rate(self):
        self.client.get("/rate")
"""


@pytest.fixture(scope="module")
def trials(tmp_path_factory):
    directory = tmp_path_factory.mktemp("offers")
    until, options = until_answered(300, users=4, warm_up_s=1)
    files = {"offers.py": APP, "people.py": PEOPLE + until}
    project = write_project(directory / "project", files)
    done = assay(
        project, directory / "base", "run", "--seed", "offers:seed", "--services",
        "offers:services", "--locustfile", "people.py", *options, "--experiment-s", 400,
        "--total-s", 0, app="offers", timeout_s=PATIENT_S,
    )  # fmt: skip
    assert done.code == 0, done.err
    document = json.loads((recordings(project)[-1] / "diagnosis.json").read_text())
    return {each["intervention"]: each for each in document["trials"]}


def test_a_timeout_ends_the_wait_for_a_silent_service(trials):
    trial = trials["timeout"]
    assert trial["outcome"] == "mended", trial
    assert "no answer within 3 s" in trial["reason"]
    assert "with status 500" in trial["reason"]


def test_with_the_user_in_the_key_nobody_gets_the_answer_of_another(trials):
    trial = trials["identity-key"]
    assert trial["outcome"] == "mended", trial
    assert "with who asks in the key 0." in trial["reason"]
