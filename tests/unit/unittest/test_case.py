"""What test cases of ``unittest`` start as soon as they are defined, and what they leave alone."""

import sys
from types import SimpleNamespace

import pytest

from flask_assay.sandbox.recipe import Recipe
from flask_assay.unittest import case

RECIPE = Recipe("shop:create_app")


@pytest.fixture
def launched(monkeypatch):
    """The keys of what was launched, in place of real servers."""
    keys = []
    monkeypatch.setattr(case.EarlyServer, "launch", lambda _, key: keys.append(key))
    monkeypatch.setattr(case._Process, "_supervised", lambda _: None)
    return keys


def runs_as(monkeypatch, name):
    main = SimpleNamespace(__spec__=SimpleNamespace(name=name) if name else None)
    monkeypatch.setitem(sys.modules, "__main__", main)


def test_unittest_has_the_server_launched_once_as_its_first_class_is_defined(monkeypatch, launched):
    runs_as(monkeypatch, "unittest.__main__")
    process = case._Process()
    process.begin(RECIPE)
    process.begin(Recipe("other:app"))
    assert launched == [case._key(RECIPE)]


@pytest.mark.parametrize("name", [None, "pytest.__main__"])
def test_who_only_imports_a_test_module_has_nothing_launched(monkeypatch, launched, name):
    runs_as(monkeypatch, name)
    case._Process().begin(RECIPE)
    assert launched == []
