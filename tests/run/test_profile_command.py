"""``flask assay profile``, as a user runs it."""

import json
import re
import shutil
import tempfile
from pathlib import Path

import pytest
from tests.run.command_rig import APP, assay, recordings, runs, write_project

pytestmark = [pytest.mark.services]

VIEWS = """
    @app.get("/boom")
    def boom():
        raise ValueError("no such flavour")

    @app.post("/items")
    def add():
        from flask import request
        db.session.add(Item(name=request.headers["X-Name"] + request.json["name"]))
        db.session.commit()
        return "", 201
"""
FLAVOURS = APP.replace("    return app\n", VIEWS + "\n    return app\n")


@pytest.fixture(scope="module")
def base():
    """Short, and passable for the user that root's servers run as."""
    path = Path(tempfile.mkdtemp(prefix="assay-q-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def project(tmp_path):
    return write_project(tmp_path, {"tiny.py": FLAVOURS})


def test_a_request_is_profiled_and_nothing_is_left(project, base):
    outcome = assay(
        project, base, "profile", "/items", "--repeat", "8", "--speedscope", "items.json"
    )
    assert outcome.code == 0, outcome.err
    assert outcome.out.startswith("GET /items  →  200, ")
    assert "route       GET /items\n" in outcome.out
    assert "SQL         1 statement\n" in outcome.out
    assert re.search(r"%  +items  tiny\.py:\d+\n", outcome.out)
    assert re.search(r" own +total +calls  function\n( +[\d.]+ .s .+\n){20}", outcome.out)
    # a sample may fall into what notes the answer; nothing else of ours is the request's work
    ours = [line for line in outcome.out.splitlines() if "flask_assay" in line]
    assert all(line.endswith("  flask_assay:start_response") for line in ours)
    (stacks,) = json.loads((project / "items.json").read_text())["profiles"]
    assert stacks["name"] == "GET /items GET /items"
    assert sum(stacks["weights"]) == pytest.approx(stacks["endValue"], abs=1e-3)
    assert recordings(project) == []
    assert runs(base) == []


@pytest.mark.slow
def test_method_headers_and_body_reach_the_view(project, base):
    arguments = ["--method", "post", "--header", "Content-Type: application/json"]
    arguments += ["--header", "X-Name: a: b", "--data", '{"name": "c"}', "--repeat", "2"]
    outcome = assay(project, base, "profile", "/items", *arguments)
    assert outcome.code == 0, outcome.err
    assert outcome.out.startswith("POST /items  →  201, 0 B")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "code", "first_line", "further"),
    [
        ("/nope", 2, "GET /nope: the app answers 404", "No route of the app matches."),
        ("/items/99999", 2, "GET /items/99999: the app answers 404", "The view of GET /items/"),
        ("/boom", 3, "GET /boom: ValueError: no such flavour", "in boom"),
    ],
)
def test_a_request_that_fails_is_refused_with_its_reason(
    path, code, first_line, further, project, base
):
    outcome = assay(project, base, "profile", path, "--quiet")
    outcome.assert_clear()
    assert (outcome.code, outcome.first_line) == (code, f"Error: {first_line}")
    assert further in outcome.err
    assert outcome.out == ""


@pytest.mark.parametrize(
    ("arguments", "first_line"),
    [
        (["items"], "'items' is not a path of the app"),
        (["/items", "--header", "Name"], "--header 'Name': not of the form 'Name: value'"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_starts(arguments, first_line, project, base):
    outcome = assay(project, base, "profile", *arguments)
    assert (outcome.code, outcome.first_line) == (2, f"Error: {first_line}")
    assert "start PostgreSQL" not in outcome.err
