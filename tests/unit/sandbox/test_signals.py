import sysconfig

import pytest

from flask_assay.sandbox import signals


@pytest.mark.parametrize("name", ["stdlib", "platstdlib", "purelib"])
def test_libraries_are_where_python_says_they_are(name):
    assert signals._place(name) == sysconfig.get_path(name)


def test_a_place_of_an_unknown_kind_is_asked_of_python(monkeypatch):
    asked = []

    def get_path(name, *, expand=True):
        asked.append(expand)
        return "/there" if expand else "{a_distributions_own}/lib"

    monkeypatch.setattr(sysconfig, "get_path", get_path)
    assert signals._place("stdlib") == "/there"
    assert asked == [False, True]
