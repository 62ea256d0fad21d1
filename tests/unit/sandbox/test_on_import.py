"""Patches wait for their module, and never import it themselves."""

import importlib
import importlib.util
import sys

import pytest

from flask_assay.sandbox.on_import import on_import


@pytest.fixture
def module(tmp_path, monkeypatch):
    path = tmp_path / "late_module.py"
    path.write_text("value = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "late_module", raising=False)
    yield path
    sys.modules.pop("late_module", None)


@pytest.fixture
def finders():
    before = list(sys.meta_path)
    yield before
    assert sys.meta_path == before


def test_it_is_told_after_the_import_and_once(module, finders):
    told = []
    on_import("late_module", lambda: told.append(sys.modules["late_module"].value))
    assert told == []
    found = importlib.import_module("late_module")
    importlib.import_module("late_module")
    assert told == [1]
    assert found.__spec__.loader is found.__loader__
    assert type(found.__loader__).__name__ == "SourceFileLoader"


def test_a_module_that_is_there_tells_at_once(finders):
    told = []
    on_import("sys", lambda: told.append(1))
    assert told == [1]


def test_it_can_be_called_off(module, finders):
    told = []
    call_off = on_import("late_module", lambda: told.append(1))
    call_off()
    call_off()
    importlib.import_module("late_module")
    assert told == []


def test_an_import_that_failed_may_succeed_later(module, finders):
    told = []
    module.write_text("raise RuntimeError('not yet')\n")
    on_import("late_module", lambda: told.append(1))
    with pytest.raises(RuntimeError, match="not yet"):
        importlib.import_module("late_module")
    assert told == []
    module.write_text("value = 22222\n")
    importlib.invalidate_caches()
    importlib.import_module("late_module")
    assert told == [1]


def test_a_module_that_is_not_installed_stays_missing(finders):
    call_off = on_import("no_such_module_here", lambda: None)
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("no_such_module_here")
    call_off()


def test_a_look_whether_the_module_is_there_is_no_import(module, finders):
    told = []
    on_import("late_module", lambda: told.append(1))
    assert importlib.util.find_spec("late_module") is not None
    assert told == []
    importlib.import_module("late_module")
    assert told == [1]
