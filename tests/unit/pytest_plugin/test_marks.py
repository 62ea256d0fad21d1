"""The marker: what counts, and what is refused."""

from types import SimpleNamespace

import pytest

from flask_assay.pytest_plugin.marks import is_off, mistakes, stated


def item(*marks):
    """A test with markers, the nearest first."""
    found = [mark.mark for mark in marks]
    return SimpleNamespace(nodeid="test_it", iter_markers=lambda name: iter(found))


assay = pytest.mark.assay


def test_the_nearest_marker_that_states_a_part_counts():
    test = item(assay(keep=True), assay(gear="clone"), assay(gear="off", keep=False))
    assert (stated(test, "keep"), stated(test, "gear"), stated(test, "ids")) == (
        True,
        "clone",
        None,
    )
    assert not is_off(test)
    assert is_off(item(assay(keep=True), assay(gear="off")))


@pytest.mark.parametrize(
    ("mark", "text"),
    [
        (assay(gear="clones"), "assay(gear='clones'): it is 'rollback', 'clone' or 'off'"),
        (assay(ids="big"), "assay(ids='big'): it is 'random' or 'template'"),
        (assay(keep="yes"), "assay(keep='yes'): it is True or False"),
        (assay(geer="clone"), "assay(geer='clone'): its parts are gear, ids and keep"),
        (assay("clone"), "assay('clone'): its parts have names, for example gear='clone'"),
    ],
)
def test_a_mistake_is_refused(mark, text):
    assert list(mistakes(item(mark))) == [text]


def test_all_mistakes_are_told_at_once():
    assert len(list(mistakes(item(assay(ids="y", keep=7), assay(gear="z"))))) == 3


def test_what_is_right_is_let_through():
    right = item(assay(gear="off"), assay(), assay(ids="random", keep=False, gear=None))
    assert list(mistakes(right)) == []
