"""What is recorded of an exception: its type, its message without values, the user's line."""

from pathlib import Path

import pytest
from flask import Flask, abort, render_template_string
from sqlalchemy import create_engine, text

from flask_assay.model.rows import SpanKind
from flask_assay.probe import ProbePlan, attach, detach
from flask_assay.probe.sensors.exceptions import message_shape
from flask_assay.recording.reader import Recording


@pytest.fixture
def seen(tmp_path):
    """Return what is recorded of a view's answer."""

    def ask(view, status, configure=lambda app: None):
        app = Flask(__name__)
        app.add_url_rule("/here", "here", view)
        configure(app)
        attach(ProbePlan(tmp_path, Path(__file__).parent, sensors=("requests", "exceptions")))
        try:
            assert app.test_client().get("/here").status_code == status
        finally:
            detach()
        (row,) = Recording(tmp_path).requests
        return [
            (s.name, s.site.rpartition(":")[0]) for s in row.spans if s.kind is SpanKind.EXCEPTION
        ]

    return ask


def test_an_exception_names_the_users_line_however_deep_it_was_raised(seen):
    engine = create_engine("sqlite://")

    def view():
        with engine.connect() as connection:
            return connection.execute(text("SELECT * FROM nowhere WHERE name = 'Ann'"))

    [(name, file)] = seen(view, 500)
    engine.dispose()
    assert name == "OperationalError: (sqlite3.OperationalError) no such table: nowhere"
    assert file == "test_exceptions.py"


def test_what_an_error_handler_answers_is_recorded_once(seen):
    def view():
        raise ValueError("no order 17 for ann@example.org")

    def configure(app):
        app.register_error_handler(Exception, lambda error: ("sorry", 500))

    assert seen(view, 500, configure) == [("ValueError: no order ? for ?", "test_exceptions.py")]


def test_aborts_of_the_client_are_answers_and_those_of_the_server_failures(seen, tmp_path):
    assert seen(lambda: abort(404), 404) == []
    for file in tmp_path.glob("*.rows"):
        file.unlink()
    [(name, _)] = seen(lambda: abort(503), 503)
    assert name.startswith("ServiceUnavailable: ")


def test_a_template_is_named_by_its_own_line(seen):
    [(name, file)] = seen(lambda: render_template_string("a\n{{ 1 // 0 }}"), 500)
    assert name == "ZeroDivisionError: integer division or modulo by zero"
    assert file in {"<template>", "test_exceptions.py"}


def raised(fail):
    try:
        fail()
    except Exception as error:
        return message_shape(error)


def test_what_the_line_names_is_kept_and_what_it_was_given_is_not():
    nothing, secret = None, "hunter2"
    kept = "AttributeError: NoneType has no attribute last_post"
    assert raised(lambda: nothing.last_post) == kept
    assert raised(lambda: getattr(nothing, secret)) == "AttributeError: ? object has no attribute ?"
    assert raised(lambda: missing_name) == "NameError: name missing_name is not defined"  # noqa: F821


@pytest.mark.parametrize(
    ("error", "shape"),
    [
        (KeyError("ann@example.org"), "KeyError: ?"),
        (KeyError(), "KeyError"),
        (ValueError(), "ValueError"),
        (ValueError('bad "it\\"s" and \'x\' at 0x7f1 in 12,5'), "ValueError: bad ? and ? at ? in ?"),
        (RuntimeError("Key (email)=(a b) exists\nDETAIL: secret"), "RuntimeError: Key ? exists"),
        (TypeError("f() takes 1 positional argument"), "TypeError: f() takes ? positional argument"),
    ],
)  # fmt: skip
def test_a_message_loses_its_values(error, shape):
    assert message_shape(error) == shape
