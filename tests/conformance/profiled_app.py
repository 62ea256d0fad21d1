"""An app whose CPU is known: in views, decorators, serialisers, hooks, bodies and waiting."""

import functools
import json
import os
import time

from flask_assay.probe import ProbePlan, attach

attach(ProbePlan.from_json(os.environ["PROBE_PLAN"]))

from flask import Flask, request  # noqa: E402

app = Flask(__name__)


def burn(ms):
    """Use CPU of this thread, in Python; so many turns take so long wherever they run."""
    for _ in range(int(ms * TURNS_PER_MS)):
        sum(NUMBERS)


NUMBERS = range(40)


def calibrate():
    turns = 20_000
    begin = time.thread_time()
    for _ in range(turns):
        sum(NUMBERS)
    return turns / (time.thread_time() - begin) / 1000


TURNS_PER_MS = calibrate()


def serialised(view):
    @functools.wraps(view)
    def wrapper(*args, **kwargs):
        found = view(*args, **kwargs)
        burn(10)  # a serialiser, after the view has returned
        return json.dumps(found)

    return wrapper


@app.get("/plain")
def plain():
    burn(4)
    return "x"


@app.get("/decorated")
@serialised
def decorated():
    burn(2)
    return {"a": 1}


@app.get("/hooked")
def hooked():
    return "x"


@app.before_request
def check():
    if request.endpoint == "hooked":
        burn(4)


@app.after_request
def sign(response):
    if request.endpoint == "hooked":
        burn(4)
    return response


@app.get("/streamed")
def streamed():
    def body():
        for _ in range(3):
            burn(2)
            yield "x"

    return app.response_class(body())


@app.get("/waiting")
def waiting():
    for _ in range(5):
        burn(0.2)
        time.sleep(0.006)  # what drivers do: wait without the interpreter
    return "x"
