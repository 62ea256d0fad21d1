"""Sampled stacks, as the document holds them."""

import pytest
from tests.recordings.builder import RecordingBuilder

from flask_assay.artifacts.view import View
from flask_assay.diagnosis.profile import MOST_STACKS, OTHER, fold, profile_of
from flask_assay.model.document import Profile


def told(**facts):
    found = {"sampler": "thread", "interval_s": 0.015, "samples": 100, "unattributed": 1}
    return {**found, "outside": 25, "dropped": 0, **facts}


@pytest.fixture
def build(tmp_path):
    return RecordingBuilder(tmp_path)


def test_a_recording_without_a_sampler_has_an_empty_profile(build):
    with build.request("GET /a"):
        pass
    assert profile_of(View(build.write())) == Profile()


def test_endpoints_stand_by_cpu_with_their_routes_and_what_the_sampler_says(build):
    build.stacks = {
        "small;a.py:1 f": 100_000,
        "big;shop/views.py:3 big;sqlalchemy:Query.all;psycopg2:execute": 2_000_000,
        "big;shop/views.py:3 big;json:dumps": 1_000_000,
        "(no endpoint);flask:Flask.wsgi_app": 10_000,
    }
    build.counters["stacks"] = told()
    with build.request("GET /big", endpoint="big"):
        pass
    profile = profile_of(View(build.write()))
    assert (profile.sampler, profile.interval_s, profile.sample_count) == ("thread", 0.015, 100)
    assert (profile.unattributed_ratio, profile.outside_ratio) == (0.01, 0.2)
    assert [one.endpoint for one in profile.endpoints] == ["big", "small", "(no endpoint)"]
    big = profile.endpoints[0]
    assert (big.routes, big.cpu_s) == (("GET /big",), 3.0)
    texts = [profile.frames[at].text for at in big.stacks[0].frames]
    assert texts == ["shop/views.py:3 big", "sqlalchemy:Query.all", "psycopg2:execute"]
    kinds = {frame.text: frame.kind for frame in profile.frames}
    assert kinds["shop/views.py:3 big"] == "user"
    assert kinds["sqlalchemy:Query.all"] == "driver"
    assert kinds["flask:Flask.wsgi_app"] == "framework"
    assert kinds["json:dumps"] == "python"


def test_samples_of_a_pass_of_their_own_get_the_cpu_that_the_load_used(build):
    for endpoint, ms, count in (("often", 3, 100), ("heavy", 39, 5)):
        for _ in range(count):
            with build.request(f"GET /{endpoint}", endpoint=endpoint) as request:
                request.work(ms)
    stacks = {"often;a.py:1 f": 30_000, "often;a.py:2 f": 90_000, "heavy;b.py:1 g": 180_000}
    build.document("profile", told(sampler="cpu-timer") | {"stacks": stacks})
    profile = profile_of(View(build.write()))
    assert [(one.endpoint, one.cpu_s) for one in profile.endpoints] == [
        ("often", pytest.approx(0.4)), ("heavy", pytest.approx(0.2)),
    ]  # fmt: skip
    assert [stack.cpu_s for stack in profile.endpoints[0].stacks] == [
        pytest.approx(0.3), pytest.approx(0.1),
    ]  # fmt: skip
    assert (profile.sampler, profile.sample_count) == ("cpu-timer", 100)


def test_why_there_is_no_sampler_is_told(build):
    build.counters["stacks"] = told(sampler="none", samples=0, outside=0, reason="greenlets")
    with build.request("GET /a"):
        pass
    profile = profile_of(View(build.write()))
    assert (profile.sampler, profile.reason, profile.unattributed_ratio) == ("none", "greenlets", 0)


def test_branches_too_small_to_be_drawn_are_put_together_and_no_weight_is_lost():
    stacks = {("a:f", f"b:g{n}", "c:h"): 1 for n in range(1000)} | {("a:f", "b:big"): 9000}
    frames, (one,) = fold({"e": stacks}, {})
    texts = {tuple(frames[at].text for at in stack.frames): stack.cpu_s for stack in one.stacks}
    assert texts == {
        ("a:f", "b:big"): pytest.approx(0.009),
        ("a:f", OTHER): pytest.approx(0.001),
    }


def test_the_number_of_stacks_is_bounded():
    stacks = {(f"a:f{n % 450}", f"b:g{n}"): 1 for n in range(3 * 450)}
    _, (one,) = fold({"e": stacks}, {})
    assert len(one.stacks) <= MOST_STACKS
    assert sum(stack.cpu_s for stack in one.stacks) == pytest.approx(one.cpu_s)
