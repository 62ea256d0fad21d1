"""What a setting names, without any server."""

import sys
from functools import partial
from types import ModuleType

import pytest

from flask_assay.errors import UsageError
from flask_assay.sandbox.recipe import Recipe


class App:
    def __init__(self, *arguments, **named):
        self.made_with = (arguments, named)

    def test_client(self):
        raise NotImplementedError


@pytest.fixture(autouse=True)
def module(monkeypatch):
    module = ModuleType("somebodys_app")
    module.create_app = partial(App)  # a class would have test_client itself
    module.app = App("made before")
    monkeypatch.setitem(sys.modules, "somebodys_app", module)


@pytest.mark.parametrize(
    ("text", "made_with"),
    [
        ("somebodys_app:app", (("made before",), {})),
        ("somebodys_app:create_app", ((), {})),
        ("somebodys_app:create_app()", ((), {})),
        ('somebodys_app:create_app("Testing", debug=True)', (("Testing",), {"debug": True})),
        ("somebodys_app:create_app({'DATABASE_URL': 'postgresql://x:y@z/w'})", (({"DATABASE_URL": "postgresql://x:y@z/w"},), {})),
    ],
)  # fmt: skip
def test_an_app_is_named_made_or_called_with_literals(text, made_with):
    assert Recipe(text).load_app().made_with == made_with


@pytest.mark.parametrize("call", ["create_app(", "create_app(name)", "create_app() + 1"])
def test_a_call_that_is_not_of_literals_is_explained(call):
    with pytest.raises(UsageError, match="Arguments are literals"):
        Recipe(f"somebodys_app:{call}").load_app()
