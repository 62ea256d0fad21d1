"""Of a traceback the reader sees their own frames, and nothing of what stands around them."""

import sysconfig
import traceback

import flask

from flask_assay.gather import tracebacks
from flask_assay.gather.tracebacks import last_error, users_frames

STDLIB = sysconfig.get_path("stdlib")
TEXT = f"""[2026-01-01 10:00:00 +0000] [7] [ERROR] Exception in worker process
Traceback (most recent call last):
  File "{tracebacks.__file__}", line 3, in load
    app = load_app(plan)
          ^^^^^^^^^^^^^^
  File "{flask.__file__}", line 349, in load_app
    app = locate_app(import_name, name)
  File "{STDLIB}/importlib/__init__.py", line 126, in import_module
    return _bootstrap._gcd_import(name)
  File "<frozen importlib._bootstrap>", line 1204, in _gcd_import
  File "/home/ann/shop/shop/app.py", line 12, in create_app
    raise RuntimeError("no licence")
    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
RuntimeError: no licence
second line of the message
[2026-01-01 10:00:00 +0000] [7] [INFO] Worker exiting (pid: 7)
"""


def test_only_the_users_frames_and_the_error_are_shown_relative_to_the_project():
    assert users_frames(TEXT, "/home/ann/shop").splitlines() == [
        "  shop/app.py:12 in create_app",
        '      raise RuntimeError("no licence")',
        "RuntimeError: no licence",
        "second line of the message",
    ]


def test_the_last_error_is_its_first_line():
    assert last_error(TEXT) == "RuntimeError: no licence"
    assert last_error("nothing of the kind") == ""


def test_a_chain_is_told_once_in_its_order():
    def inner():
        raise KeyError("colour")

    try:
        try:
            inner()
        except KeyError as error:
            raise ValueError("bad row") from error
    except ValueError:
        text = traceback.format_exc()
    shown = users_frames(text).splitlines()
    assert [line for line in shown if not line.startswith(" ")] == [
        "KeyError: 'colour'",
        "ValueError: bad row",
    ]
    assert any(" in inner" in line for line in shown)


def test_a_syntax_error_keeps_its_caret():
    try:
        compile("def f(:\n", "/home/ann/shop/shop/app.py", "exec")
    except SyntaxError:
        text = traceback.format_exc()
    shown = users_frames(text, "/home/ann/shop").splitlines()
    assert "  shop/app.py:1" in shown
    assert any(line.strip() == "^" for line in shown)
    assert shown[-1] == "SyntaxError: invalid syntax"


def test_a_text_without_a_traceback_shows_nothing():
    assert users_frames("usage: gunicorn") == ""


def test_a_message_of_a_thousand_lines_is_cut():
    text = 'Traceback (most recent call last):\n  File "/x.py", line 1, in f\nE: 0\n'
    text += "".join(f"line {number}\n" for number in range(1000))
    assert len(users_frames(text).splitlines()) < 20
