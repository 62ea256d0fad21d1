"""Each setting, option and fixture of the pytest plugin stands in its reference page."""

from pathlib import Path

import pytest

from flask_assay import pytest_plugin
from flask_assay.pytest_plugin import fixtures

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "pytest.md").read_text()


class _Parser:
    """Notes what the plugin declares."""

    def __init__(self):
        self.names = []

    def getgroup(self, *_):
        return self

    def addoption(self, name, **_):
        self.names.append(name)

    def addini(self, name, *_, **__):
        self.names.append(name)


def declared():
    parser = _Parser()
    pytest_plugin.pytest_addoption(parser)
    return parser.names


@pytest.mark.parametrize("name", [*declared(), *fixtures.__all__])
def test_it_is_described(name):
    assert f"| `{name}`" in PAGE


def test_only_what_there_is_is_described():
    rows = {line.split("`")[1] for line in PAGE.splitlines() if line.startswith("| `")}
    assert rows == {*declared(), *fixtures.__all__}
