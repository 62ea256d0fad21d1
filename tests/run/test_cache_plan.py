"""The plan of a cache on a real run: what the trace predicts, and what a real cache does with it.

Once with sessions that the app can read from the cookie, once with random tokens in a table, which
only the database knows that handed them out.
"""

import json
import sys

import pytest
from tests.run.command_rig import PATIENT_S, assay, recordings, until_answered, write_project

pytestmark = [pytest.mark.load, pytest.mark.measures]

POLL = """
from flask import Flask, jsonify, request, session
from flask_sqlalchemy import SQLAlchemy

db = SQLAlchemy()

class Vote(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    choice = db.Column(db.Integer, nullable=False)
    person = db.Column(db.Integer, nullable=False)

class Token(db.Model):
    text = db.Column(db.String, primary_key=True)
    person = db.Column(db.Integer, nullable=False)

def person():
    return session["person"]

def seed():
    db.session.execute(db.text(
        "INSERT INTO vote (choice, person) SELECT i % 20, i % 4 FROM generate_series(1, 150000) i"))
    db.session.commit()

def create_app():
    app = Flask(__name__)
    app.secret_key = "tests only"
    app.config["SQLALCHEMY_DATABASE_URI"] = "postgresql:///poll"
    db.init_app(app)

    def counts(query):
        found = query.with_entities(Vote.choice, db.func.count()).group_by(Vote.choice)
        return jsonify({str(choice): count for choice, count in found.order_by(Vote.choice)})

    @app.post("/enter")
    def enter():
        session["person"] = int(request.form["person"])
        return {"token": "none"}

    @app.post("/votes")
    def vote():
        db.session.add(Vote(choice=int(request.form["choice"]), person=person()))
        db.session.commit()
        return "thanks"

    @app.get("/counts")
    def everybody():
        return counts(Vote.query)

    @app.get("/counts/mine")
    def mine():
        return counts(Vote.query.filter_by(person=person()))

    return app
"""

IN_A_TABLE = """
import secrets

from flask import abort, jsonify, request
from poll import Token, create_app as create_poll, db, seed

def person():
    token = request.headers.get("Authorization") or request.cookies.get("entry", "")
    found = db.session.get(Token, token)
    return found.person if found else abort(401)

def create_app():
    import poll
    poll.person = person
    app = create_poll()

    def enter():
        token = secrets.token_urlsafe(16)
        db.session.add(Token(text=token, person=int(request.form["person"])))
        db.session.commit()
        answer = jsonify(token=token)
        if request.form["person"] in "01":
            answer = jsonify(token="none")
            answer.set_cookie("entry", token, httponly=True)
        return answer

    app.view_functions["enter"] = enter
    return app
"""

PEOPLE = """
import itertools

from locust import HttpUser, constant, task

NUMBERS = itertools.count()

class Voter(HttpUser):
    wait_time = constant(0.02)

    def on_start(self):
        self.number = next(NUMBERS) % 4
        self.turns = itertools.count(10 * self.number)
        self.enter()

    def enter(self):
        token = self.client.post("/enter", data={"person": self.number}).json()["token"]
        if token != "none":
            self.client.headers["Authorization"] = token

    @task
    def turn(self):
        turn = next(self.turns)
        if turn % 40 == 15:
            self.enter()
        if turn % 20 == 5:
            self.client.post("/votes", data={"choice": turn % 19})
        self.client.get("/counts", params={"v": "aaab"[turn % 4]})
        self.client.get("/counts/mine")
"""

# A quick run has six seconds for caches; what they hold for is asked with as many as it takes.
PROGRAM = """
from dataclasses import replace
from flask_assay.experiments import prove
prove.QUICK = replace(prove.QUICK, cache_s=120.0)
from flask.__main__ import main
main()
"""
PATIENT = (sys.executable, "-c", PROGRAM)


@pytest.fixture(scope="module", params=[pytest.param("poll", marks=pytest.mark.slow), "tokens"])
def outcome(request, tmp_path_factory):
    directory = tmp_path_factory.mktemp(request.param)
    until, options = until_answered(300, users=4, warm_up_s=1)
    files = {"poll.py": POLL, "tokens.py": IN_A_TABLE, "people.py": PEOPLE + until}
    project = write_project(directory / "project", files)
    done = assay(
        project, directory / "base", "run", "--quick", "--seed", "poll:seed", *options,
        "--locustfile", "people.py", "--experiment-s", 400, "--total-s", 0,
        app=request.param, program=PATIENT, timeout_s=PATIENT_S,
    )  # fmt: skip
    assert done.code == 0, done.err
    return recordings(project)[-1], done


@pytest.fixture(scope="module")
def plans(outcome):
    document = json.loads((outcome[0] / "diagnosis.json").read_text())
    return {each["route"]: each for each in document["cache_plans"]}


def test_predicted_hits_are_those_of_a_real_cache_within_one_point(plans):
    assert set(plans) == {"GET /counts", "GET /counts/mine"}
    for plan in plans.values():
        assert plan["request_count"] > 100, plan
        for point in plan["points"]:
            assert point["hit_ratio"] == pytest.approx(point["predicted_hit_ratio"], abs=0.01), plan
    hits = [point["hit_ratio"] for point in plans["GET /counts"]["points"]]
    assert hits == sorted(hits)
    assert hits[-1] > 0.5


def test_predicted_staleness_is_that_of_a_real_cache_within_one_point(plans):
    for plan in plans.values():
        assert (plan["write_count"] > 0, plan["refused_write_count"]) == (True, 0)
        for point in plan["points"]:
            measured, predicted = point["stale_ratio"], point["predicted_stale_ratio"]
            assert measured == pytest.approx(predicted, abs=0.01), plan
    assert plans["GET /counts"]["points"][-1]["stale_ratio"] > 0.05


def test_who_asks_is_in_the_key_only_where_the_view_reads_it(plans):
    assert plans["GET /counts"]["is_per_identity"] is False
    assert plans["GET /counts/mine"]["is_per_identity"] is True
