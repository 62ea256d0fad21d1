"""The trees that the page draws."""

import dataclasses

from tests.golden.sample import sample

from flask_assay.model.document import EndpointProfile, FoldedStack, Profile, ProfileFrame
from flask_assay.report import caps, flame

PROFILE = sample().profile


def node(data, *path):
    """Return the node of the first endpoint that the texts of its callers lead to."""
    found = data["endpoints"][0]["tree"]
    for text in path:
        found = next(kid for kid in found[2] if data["names"][kid[0]][0] == text)
    return found


def test_the_lines_of_a_function_are_one_frame():
    data = flame.as_data(PROFILE)
    distance = node(data, "legacy_shop/views/search.py suggest", "legacy_shop/text.py distance")
    assert distance[1] == 3_200_000
    assert distance[3] == [[10, 2_600_000], [8, 600_000]]


def test_library_frames_that_only_pass_on_are_one_frame():
    data = flame.as_data(PROFILE)
    execute = node(data, "legacy_shop/views/search.py suggest", "sqlalchemy:Session.execute")
    assert execute[2:] == [[], 0, ["sqlalchemy:Connection.execute"]]


def test_a_library_frame_that_branches_stays():
    frames = tuple(ProfileFrame(f"sqlalchemy:{name}", "driver") for name in "abc")
    stacks = (FoldedStack((0, 1), 0.5), FoldedStack((0, 2), 0.5))
    data = flame.as_data(Profile(frames=frames, endpoints=(EndpointProfile("e", (), 1.0, stacks),)))
    assert [data["names"][kid[0]][0] for kid in node(data, "sqlalchemy:a")[2]] == [
        "sqlalchemy:b",
        "sqlalchemy:c",
    ]


def test_what_was_left_out_is_drawn_as_such():
    endpoint = dataclasses.replace(PROFILE.endpoints[0], stacks=PROFILE.endpoints[0].stacks[:1])
    data = flame.as_data(dataclasses.replace(PROFILE, endpoints=(endpoint,)))
    assert data["endpoints"][0]["tree"][1] == 4_200_000
    assert node(data, "(left out)")[1] == 1_600_000


def test_top_functions_tell_own_and_total_shares_and_the_heaviest_line():
    rows = flame.top_functions(PROFILE, PROFILE.endpoints[0])
    assert rows[0] == flame.FunctionRow(
        "distance", "legacy_shop/text.py:10", "user", 3.2 / 4.2, 3.2 / 4.2
    )
    assert {row.name: row.total_ratio for row in rows}["json:dumps"] == 0.2 / 4.2


def test_recursion_counts_once_in_the_total():
    frames = (ProfileFrame("a.py:1 f", "user"),)
    endpoint = EndpointProfile("e", (), 1.0, (FoldedStack((0, 0, 0), 1.0),))
    (row,) = flame.top_functions(Profile(frames=frames, endpoints=(endpoint,)), endpoint)
    assert (row.own_ratio, row.total_ratio) == (1.0, 1.0)


def test_a_thinned_profile_says_what_it_lost():
    fitted, left_out = caps.fit(sample(), dataclasses.replace(caps.LEVELS[0], profiles=1, stacks=2))
    assert len(fitted.profile.endpoints) == 1
    assert len(fitted.profile.endpoints[0].stacks) == 2
    assert fitted.profile.frames == PROFILE.frames
    assert {"2 flame graphs", "3 stacks of flame graphs"} <= set(left_out)
