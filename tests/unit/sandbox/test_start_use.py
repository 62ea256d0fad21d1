"""What a template depends on whose app uses its database while it is made."""

import json
import sysconfig
from pathlib import Path
from types import ModuleType

import pytest

import flask_assay
from flask_assay.sandbox.start_use import StartUse, is_covered, project_files


def module(file):
    found = ModuleType("some")
    found.__file__ = None if file is None else str(file)
    return found


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "app.py"
    path.write_text("ROWS = 1\n")
    return path


def test_a_use_that_the_recipe_knows_all_about_depends_on_no_file():
    assert StartUse().is_unchanged
    assert StartUse().is_welcome


def test_a_changed_or_missing_file_makes_the_app_unwelcome_at_the_finished_template(source):
    use = StartUse.of([str(source)], at_import=False)
    assert use.is_welcome
    source.write_text("ROWS = 2\n")
    assert not use.is_welcome
    source.unlink()
    assert not use.is_welcome


def test_an_app_that_changed_its_finished_template_is_not_welcome_there():
    assert not StartUse(is_steady=False).is_welcome


def test_uses_that_differ_have_templates_of_their_own(source):
    uses = [
        StartUse(),
        StartUse(is_steady=False),
        StartUse.of([str(source)], at_import=False),
        StartUse.of([str(source)], at_import=True),
    ]
    source.write_text("ROWS = 2\n")
    uses.append(StartUse.of([str(source)], at_import=True))
    assert len({use.digest("recipe") for use in uses} | {StartUse().digest("other")}) == 6


def test_a_use_survives_its_file(source):
    use = StartUse.of([str(source)], at_import=True)
    assert StartUse.from_json(json.loads(json.dumps(use.to_json()))) == use
    assert StartUse.from_json(None) is None


def test_the_projects_files_are_those_that_nobody_installed_and_no_tests():
    theirs = {"/home/one/shop/models.py", "/home/one/shop/testing.py"}
    others = [
        None,
        f"{sysconfig.get_path('stdlib')}/json/decoder.py",
        "/env/lib/python3.11/site-packages/flask/app.py",
        "/usr/lib/python3/dist-packages/flask/app.py",
        "/home/one/shop/fast.so",
        "/home/one/conftest.py",
        "/home/one/tests/test_shop.py",
        "/home/one/tests/shop_test.py",
        Path(flask_assay.__file__).parent / "errors.py",
    ]
    assert project_files(map(module, [*theirs, *others])) == theirs


@pytest.mark.parametrize(
    ("left", "rows", "covered"),
    [
        ([], [], True),
        ([(True, "item", "public.item"), (False, "ix_item_name", "")], [], True),
        ([(True, "item", "public.item")], [()], False),
        ([(True, "alembic_version", "public.alembic_version")], [()], True),
        ([(True, "other", "public.other")], [], False),
        ([(False, "EXTENSION pg_trgm", "")], [], False),
    ],
)
def test_what_an_app_leaves_is_covered_if_its_metadata_tells_it_all(left, rows, covered):
    def query(text):
        return rows if text.startswith("SELECT FROM") else left

    assert is_covered(query, {"item", "ix_item_name", "alembic_version"}) is covered
