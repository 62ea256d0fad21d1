"""An app as gather boots it: the probe first, then what the user wrote."""

import os
from pathlib import Path

from flask_assay.probe import ProbePlan, attach

attach(ProbePlan.from_json(os.environ["PROBE_PLAN"]))

from flask import Flask  # noqa: E402
from sqlalchemy import create_engine, text  # noqa: E402

app = Flask(__name__)
engine = create_engine(f"sqlite:///{Path(os.environ['PROBE_DATABASE'])}")

with engine.begin() as connection:  # as apps do at import: before a preloading server forks
    connection.execute(text("CREATE TABLE IF NOT EXISTS t (id INTEGER)"))


@app.get("/query/<int:number>")
def query(number):
    with engine.connect() as connection:
        for i in range(3):
            connection.execute(text("SELECT count(*) FROM t WHERE id = :id"), {"id": i})
    return str(number)


@app.get("/stream")
def stream():
    def body():
        yield "a"
        with engine.connect() as connection:
            connection.execute(text("SELECT max(id) FROM t"))
        yield "b"

    return app.response_class(body())
