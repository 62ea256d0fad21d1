"""Why what a setting names is not to be had."""

import sys

import pytest

from flask_assay.errors import TargetError, UsageError
from flask_assay.sandbox.named import load_object


@pytest.fixture
def module(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path / "named_shop.py"
    sys.modules.pop("named_shop", None)


def test_a_dotted_name_is_followed(module):
    module.write_text("class Made:\n    app = 3\n")
    assert load_object("named_shop:Made.app", "assay_app") == 3


@pytest.mark.parametrize(
    "text", ["named_shop:nothing", "named_shop_2:app", "named_shop.inner:app", "named_shop"]
)
def test_what_is_not_there_is_a_matter_of_the_setting(module, text):
    module.write_text("")
    with pytest.raises(UsageError, match=f'assay_app = "{text}"'):
        load_object(text, "assay_app")


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import os\nos.environ['NOPE']", r"KeyError: 'NOPE' at named_shop\.py:2"),
        ("import nothere", r"No module named 'nothere' at named_shop\.py:1"),
        ("def (", r"SyntaxError: invalid syntax \(named_shop\.py, line 1\)"),
        ("import sys; sys.exit('bad')", r"SystemExit: bad at named_shop\.py:1"),
    ],
)
def test_a_module_that_fails_says_where(module, source, reason):
    module.write_text(source)
    with pytest.raises(TargetError, match=reason):
        load_object("named_shop:app", "assay_app")
