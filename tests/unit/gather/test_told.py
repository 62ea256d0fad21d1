"""What a process of the target said before it failed becomes an error that teaches."""

import json

import pytest

from flask_assay.errors import TargetError
from flask_assay.gather.inside.prepare import FAILURE
from flask_assay.gather.inside.target_plan import TargetPlan
from flask_assay.gather.told import (
    preparation_error,
    services_error,
    too_slow,
    without_migrations,
)
from flask_assay.recording.directory import append_line
from flask_assay.routing.plan import RoutePlan


@pytest.fixture
def explained(tmp_path):
    def explained(step, kind, message, *, seed="", trace=""):
        told = {"step": step, "kind": kind, "message": message, "traceback": trace}
        (tmp_path / FAILURE).write_text(json.dumps(told))
        route = RoutePlan("/s", 1, "u", "app")
        plan = TargetPlan("shop", "/p", "/r", route, seed=seed, private=str(tmp_path))
        error = preparation_error(plan, "", 1)
        assert isinstance(error, TargetError)
        return error

    return explained


def test_the_heading_is_the_first_line_of_the_message_and_the_rest_is_the_reason(explained):
    error = explained("make the schema", "ProgrammingError", "no such table\nLINE 1: x\n")
    assert error.what == "could not make the schema: ProgrammingError: no such table"
    assert error.why == "LINE 1: x"


def test_what_flask_says_of_an_app_needs_no_class(explained):
    error = explained("load the app", "NoAppException", "Could not import 'shop'.")
    assert error.what == "could not load the app: Could not import 'shop'."


def test_an_error_inside_flasks_message_is_the_one_that_matters(explained):
    nested = (
        "While importing 'shop', an ImportError was raised:\n\n"
        "Traceback (most recent call last):\n"
        '  File "/p/shop.py", line 1, in <module>\n    import stripe\n'
        "ModuleNotFoundError: No module named 'stripe'\n"
    )
    error = explained("load the app", "NoAppException", nested)
    assert error.what.endswith("was raised: ModuleNotFoundError: No module named 'stripe'")
    assert "shop.py:1 in <module>" in error.why


@pytest.mark.parametrize(
    ("step", "kind", "message", "advice"),
    [
        ("load the app", "SystemExit", "1", "ends the process at import"),
        ("fill the database", "SystemExit", "1", "seed hook"),
        ("make the schema", "E", 'extension "x" is not available', "ASSAY_POSTGRES_URL"),
        ("make the schema", "E", 'permission denied to create extension "x"', "schema_extensions"),
        ("sign in", "E", "m", "login hook"),
        ("describe the app", "E", "m", "routes"),
    ],
)
def test_each_kind_of_failure_has_its_way_out(explained, step, kind, message, advice):
    assert advice in explained(step, kind, message, seed="a:b").todo


def test_without_a_seed_hook_one_is_advised(explained):
    assert "Give a hook" in explained("fill the database", "E", "m").todo


def test_a_process_that_ended_without_a_word_says_so(tmp_path):
    plan = TargetPlan("shop", "/p", "/r", RoutePlan("/s", 1, "u", "app"), private=str(tmp_path))
    error = preparation_error(plan, "killed", -9)
    assert "ended with code -9" in error.what
    assert error.why == "killed"


def test_a_services_hook_without_an_answer_is_named():
    assert services_error("a:b", "", "").what == (
        "services = 'a:b': its process ended without an answer"
    )


def test_a_preparation_that_does_not_end_names_its_step(tmp_path):
    assert "load the app within 9 s" in too_slow(tmp_path, 9).what
    append_line(tmp_path, "events.jsonl", {"event": "step", "step": "fill the database"})
    assert "fill the database within 9 s" in too_slow(tmp_path, 9).what


@pytest.mark.parametrize(
    ("message", "can_create_all", "is_told"),
    [
        ('relation "a" does not exist', True, True),
        ('relation "a" does not exist', False, False),
        ('extension "x" is not available', True, False),
    ],
)
def test_models_stand_in_for_migrations_unless_an_extension_is_what_lacks(
    tmp_path, message, can_create_all, is_told
):
    told = {"step": "make the schema", "kind": "E", "message": message, "traceback": ""}
    (tmp_path / FAILURE).write_text(json.dumps(told | {"can_create_all": can_create_all}))
    plan = TargetPlan("shop", "/p", "/r", RoutePlan("/s", 1, "u", "app"), private=str(tmp_path))
    sentence = without_migrations(plan, preparation_error(plan, "", 1))
    assert bool(sentence) == is_told
    assert not is_told or message in sentence
