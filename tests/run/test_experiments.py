"""The experiments of a real run: an index and an eager load, measured on an app of one file."""

import json
import subprocess

import pytest
from tests.run.command_rig import PATIENT_S, assay, recordings, until_answered, write_project

pytestmark = [pytest.mark.load, pytest.mark.measures]

SHOP = """
from flask import Flask, jsonify
from flask_sqlalchemy import SQLAlchemy

db = SQLAlchemy()

class Supplier(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String(40), nullable=False)

class Product(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    supplier_id = db.Column(db.ForeignKey("supplier.id"), nullable=False)
    supplier = db.relationship(Supplier)

class Movement(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    product_id = db.Column(db.Integer, nullable=False)
    quantity = db.Column(db.Integer, nullable=False)

def seed():
    db.session.execute(db.text(
        "INSERT INTO supplier SELECT i, 'supplier ' || i FROM generate_series(1, 500) i"))
    db.session.execute(db.text("INSERT INTO product SELECT i, i FROM generate_series(1, 500) i"))
    db.session.execute(db.text(
        "INSERT INTO movement SELECT i, 1 + i * 7919 % 500, i % 9 FROM generate_series(1, 260000) i"))
    db.session.commit()

def create_app():
    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = "postgresql:///shop"
    db.init_app(app)

    @app.get("/products")
    def products():
        found = Product.query.order_by(Product.id).limit(40)
        return jsonify([[each.id, each.supplier.name] for each in found])

    @app.get("/products/<int:product_id>/stock")
    def stock(product_id):
        total = db.session.scalar(
            db.select(db.func.sum(Movement.quantity)).where(Movement.product_id == product_id))
        return jsonify(stock=total)

    return app
"""

VISITORS = """
import random

from locust import HttpUser, constant, task

class Visitor(HttpUser):
    wait_time = constant(0.01)

    @task
    def both(self):
        self.client.get("/products")
        self.client.get(f"/products/{random.randrange(1, 500)}/stock")
"""


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    directory = tmp_path_factory.mktemp("shop")
    until, options = until_answered(160, users=3, warm_up_s=1)
    files = {"shop.py": SHOP, "visitors.py": VISITORS + until}
    project = write_project(directory / "project", files)
    done = assay(
        project, directory / "base", "run", "--quick", "--seed", "shop:seed", *options,
        "--locustfile", "visitors.py", "--experiment-s", 400, "--total-s", 0,
        app="shop", timeout_s=PATIENT_S,
    )  # fmt: skip
    assert done.code == 0, done.err
    return recordings(project)[-1], done


def trials(outcome):
    return json.loads((outcome[0] / "trials.json").read_text())


def the(outcome, intervention):
    (found,) = [each for each in trials(outcome)["trials"] if each["intervention"] == intervention]
    (effect,) = found["effects"]
    return found, effect


def test_the_index_is_measured_with_its_interval_and_price(outcome):
    trial, effect = the(outcome, "index")
    assert trial["outcome"] == "faster", trials(outcome)
    assert effect["low_s"] < effect["change_s"] < effect["high_s"] < 0
    assert effect["oracle"] == "equal"
    assert effect["statements_before"] == effect["statements_after"] == 1
    assert trial["prices"]["index_bytes"] > 0
    assert trial["prices"]["write_us_per_row_after"] > 0


def test_the_eager_load_is_measured_in_time_and_statements(outcome):
    trial, effect = the(outcome, "eager-load")
    assert trial["outcome"] == "faster", trials(outcome)
    assert (effect["statements_before"], effect["statements_after"]) == (41, 2)
    assert effect["oracle"] == "equal"


def test_the_unchanged_app_shows_no_effect_against_itself(outcome):
    (null,) = [each for each in trials(outcome)["trials"] if each["remedy_id"] == "null"]
    assert null["outcome"] in {"no-effect", "inconclusive"}
    assert {each["oracle"] for each in null["effects"]} == {"equal"}


def test_the_ladder_goes_down_over_both_routes(outcome):
    (ladder,) = trials(outcome)["ladders"]
    audits = {rung["remedy_id"].partition("/")[0] for rung in ladder["rungs"]}
    assert "missing-index" in audits
    # whichever was first on the other route leaves the second nothing to give
    assert audits & {"n-plus-one-queries", "uncached-response"}
    times = [ladder["before_s"], *(rung["time_s"] for rung in ladder["rungs"])]
    assert times == sorted(times, reverse=True)
    assert times[-1] < times[0]
    assert "Ladder" in (outcome[0] / "report.html").read_text()
    assert "Ladder" in outcome[1].out


def test_the_proven_eager_load_comes_with_its_patch(outcome):
    diagnosis = json.loads((outcome[0] / "diagnosis.json").read_text())
    patches = [remedy["patch"] for each in diagnosis["findings"] for remedy in each["remedies"]]
    (patch,) = [patch for patch in patches if patch and "selectinload" in patch]
    assert "+    found = Product.query.options(selectinload(Product.supplier))" in patch.replace(
        "+        found", "+    found"
    )


@pytest.mark.slow
def test_a_patch_is_measured_on_the_patched_code_and_applied_on_demand(outcome):
    project = outcome[0].parents[1]
    text = (project / "shop.py").read_text()
    (project / ".gitignore").write_text(".assay\n__pycache__\n")
    identity = ("-c", "user.name=x", "-c", "user.email=x@example.invalid")
    for words in (("init", "-q"), ("add", "-A"), (*identity, "commit", "-qm", "one")):
        subprocess.run(["git", *words], cwd=project, check=True)
    wanted = "n-plus-one-queries:GET /products"
    _, options = until_answered(160, users=3, warm_up_s=1)
    done = assay(
        project, project.parent / "base", "fix", wanted, "--seed", "shop:seed", *options,
        "--locustfile", "visitors.py", app="shop", timeout_s=PATIENT_S,
    )  # fmt: skip
    assert done.code == 0, done.err
    assert "faster, measured on the patched code" in done.err
    assert "41 → 2 statements" in done.err
    assert (project / "shop.py").read_text() == text
    arguments = ("fix", wanted, "--no-measure", "--apply")
    done = assay(project, project.parent / "base", *arguments, app="shop")
    assert done.code == 0, done.err
    assert "selectinload(Product.supplier)" in (project / "shop.py").read_text()
    text = (project / "shop.py").read_text()
    wanted = "missing-index:GET /products/<int:product_id>/stock"
    done = assay(project, project.parent / "base", "fix", wanted, "--no-measure", app="shop")
    assert done.code == 0, done.err
    assert "index=True" in done.out  # there are no migrations to add one to
    assert (project / "shop.py").read_text() == text
