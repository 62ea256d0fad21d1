"""Raw samples become words."""

import sys
from encodings import utf_8
from pathlib import Path

import pytest

from flask_assay.probe import stacks as subject
from flask_assay.probe.call_sites import CallSites
from flask_assay.probe.work import Request

HERE = Path(__file__).name


@pytest.fixture
def stacks():
    return subject.Stacks(CallSites(Path(__file__).parent, lambda _: 0))


def request(endpoint=""):
    found = Request({}, lambda *_: None)
    found.endpoint = endpoint
    return found


def named(function, name):
    return type(function)(function.__code__.replace(co_name=name), function.__globals__)


def test_a_view_on_the_stack_names_the_endpoint_and_cuts_what_called_it(stacks):
    def view(stacks, work):
        stacks.add(sys._getframe(), work, 7)

    def wrapper(view, stacks, work):
        view(stacks, work)

    named(wrapper, "EP:shop.index")(view, stacks, request("other"))
    ((text, weight),) = stacks.take().items()
    endpoint, *frames = text.split(";")
    assert (endpoint, weight) == ("shop.index", 7)
    assert frames == [f"{HERE}:{view.__code__.co_firstlineno + 1} view"]


def test_outside_of_the_view_the_request_names_it(stacks):
    stacks.add(sys._getframe(), request("shop.index"), 1)
    assert next(iter(stacks.take())).startswith("shop.index;")


def test_a_sample_before_routing_waits_until_the_endpoint_is_known(stacks):
    work = request()
    stacks.add(sys._getframe(), work, 5)
    assert stacks.take() == {}
    work.endpoint = "late"
    assert sum(stacks.take().values()) == 5
    assert stacks.facts()["unattributed"] == 0


@pytest.mark.parametrize(
    ("status", "name", "unattributed"),
    [("404 NOT FOUND", "(no route)", 0), ("", "(no endpoint)", 1)],
)
def test_what_never_got_an_endpoint_is_named_so(stacks, status, name, unattributed):
    work = request()
    work.status = status
    stacks.add(sys._getframe(), work, 1)
    work.is_open = False
    assert next(iter(stacks.take())).startswith(name + ";")
    assert stacks.facts()["unattributed"] == unattributed


def test_libraries_are_named_by_package_and_function(stacks):
    import json

    class Default(json.JSONEncoder):
        def default(self, value):
            stacks.add(sys._getframe(), request("e"), 1)
            return "x"

    json.dumps({1: object()}, cls=Default)
    frames = next(iter(stacks.take())).split(";")
    assert "json:JSONEncoder.encode" in frames
    assert frames[-1].endswith(" Default.default")


def test_a_flood_of_samples_is_bounded_and_counted(stacks, monkeypatch):
    monkeypatch.setattr(subject, "MAX_SAMPLES", 3)
    for _ in range(5):
        stacks.add(sys._getframe(), request("e"), 1)
    assert sum(stacks.take().values()) == 3
    assert stacks.facts()["dropped"] == 2


def test_different_stacks_are_bounded_and_keep_their_weight(stacks, monkeypatch):
    monkeypatch.setattr(subject, "MAX_STACKS", 1)
    stacks.add(sys._getframe(), request("e"), 1)
    stacks.add(sys._getframe(), request("e"), 2)
    found = stacks.take()
    assert found.pop("e;(other)") == 2
    assert list(found.values()) == [1]


def test_deep_stacks_keep_their_outermost_frames(stacks):
    def dive(depth):
        if depth:
            return dive(depth - 1)
        return stacks.add(sys._getframe(), request("e"), 1)

    named_dive = named(lambda dive: dive(300), "EP:e")
    named_dive(dive)
    frames = next(iter(stacks.take())).split(";")[1:]
    assert len(frames) == subject.MAX_DEPTH


def test_a_codec_that_c_code_calls_is_charged_to_who_called_the_c_code(stacks):
    source = "import sys\ndef decode(add, work):\n    add(sys._getframe(), work, 1)"
    module = {}
    exec(compile(source, utf_8.__file__, "exec"), module)
    module["decode"](stacks.add, request("e"))
    ((text, weight),) = stacks.take().items()
    assert text.endswith(" test_a_codec_that_c_code_calls_is_charged_to_who_called_the_c_code")
    assert weight == 1
