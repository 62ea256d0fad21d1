"""Globals of the user's modules are watched by length, in time and by request."""

import functools
import json
import sys
from collections import deque
from pathlib import Path
from types import ModuleType

import pytest
from flask import Flask

from flask_assay.probe import ProbePlan, attach, detach
from flask_assay.probe.call_sites import CallSites
from flask_assay.probe.containers import Containers

ROOT = Path(__file__).parent


@pytest.fixture
def module():
    """A module of the user with one container of each kind."""
    made = ModuleType("users_memo")
    made.__file__ = str(ROOT / "users_memo.py")
    made.memo, made.seen, made.log = {}, set(), []
    made.bounded, made.last = functools.lru_cache(maxsize=8)(str), deque(maxlen=3)
    made.unbounded = functools.cache(abs)

    class Registry:
        entries = {}  # noqa: RUF012

    Registry.__module__ = made.__name__
    made.Registry = Registry
    sys.modules[made.__name__] = made
    yield made
    del sys.modules[made.__name__]


def test_only_what_may_grow_without_end_has_a_size(module):
    containers = Containers(CallSites(ROOT, len))
    containers.look()
    module.memo["a"] = module.unbounded(1)
    module.Registry.entries["b"] = module.bounded(1)
    found = {k: v for k, v in containers.sizes().items() if k.startswith("users_memo.py")}
    assert found == {
        "users_memo.py:memo": 1,
        "users_memo.py:seen": 0,
        "users_memo.py:log": 0,
        "users_memo.py:unbounded": 1,
        "users_memo.py:Registry.entries": 1,
    }


def test_a_global_that_is_bound_anew_is_followed_by_its_name(module):
    containers = Containers(CallSites(ROOT, len))
    containers.look()
    module.memo = {1: 1, 2: 2}
    assert containers.sizes()["users_memo.py:memo"] == 2
    module.memo = None
    assert "users_memo.py:memo" not in containers.sizes()


def app_of(module):
    app = Flask(__name__)

    @app.get("/<word>")
    def remember(word):
        module.memo[word] = word
        return word

    return app.test_client()


def test_sizes_are_written_as_they_change_and_at_the_end(module, tmp_path):
    attach(ProbePlan(tmp_path, ROOT, sensors=("requests", "containers")))
    client = app_of(module)
    for word in ("a", "b", "a"):
        client.get(f"/{word}")
    detach()
    (file,) = tmp_path.glob("containers-*.jsonl")
    lines = [json.loads(line)["sizes"] for line in file.read_text().splitlines()]
    assert lines[-1]["users_memo.py:memo"] == 2
    assert sum("users_memo.py:seen" in line for line in lines) == 1


def test_the_learning_pass_tells_which_route_adds_entries(module, tmp_path):
    attach(ProbePlan(tmp_path, ROOT, sensors=("requests", "container-growth")))
    client = app_of(module)
    for word in ("a", "b", "a"):
        client.get(f"/{word}")
    detach()
    (file,) = tmp_path.glob("grown-*.json")
    assert json.loads(file.read_text()) == {
        "grown": [{"name": "users_memo.py:memo", "route": "GET /<word>", "count": 2}]
    }
