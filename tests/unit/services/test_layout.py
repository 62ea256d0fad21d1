import os

import pytest

from flask_assay.services.launcher import LaunchOrder
from flask_assay.services.layout import Layout, copy_tree


@pytest.fixture
def tree(tmp_path):
    source = tmp_path / "source"
    (source / "base" / "1").mkdir(parents=True)
    (source / "base" / "1" / "2600").write_bytes(os.urandom(20_000))
    (source / "empty").touch()
    (source / "link").symlink_to("base/1")
    (source / "conf").write_text("a = 1\n")
    return source


def test_a_copy_has_the_files_and_links_of_its_source(tree, tmp_path):
    copy = tmp_path / "copy"
    copy_tree(tree, copy)
    assert (copy / "base/1/2600").read_bytes() == (tree / "base/1/2600").read_bytes()
    assert (copy / "empty").read_bytes() == b""
    assert (copy / "link").readlink() == (tree / "link").readlink()
    assert copy.stat().st_mode & 0o777 == 0o700
    assert (copy / "base/1/2600").stat().st_mode & 0o777 == 0o600


def test_a_copy_does_not_take_the_place_of_anything(tree, tmp_path):
    (tmp_path / "copy").mkdir()
    with pytest.raises(FileExistsError):
        copy_tree(tree, tmp_path / "copy")


def test_a_layout_adds_to_the_copy_and_leaves_the_source(tree, tmp_path):
    copy = tmp_path / "copy"
    layout = Layout(str(tree), str(copy), {"conf": "b = 2\n"}, {"other": "text"})
    layout.make()
    assert (copy / "conf").read_text() == "a = 1\nb = 2\n"
    assert (copy / "other").read_text() == "text"
    assert (tree / "conf").read_text() == "a = 1\n"


def test_a_launch_order_carries_its_layout():
    layout = Layout("/from", "/to", {"a": "b"}, {"c": "d"}, uid=1, gid=2)
    order = LaunchOrder("name", ["x"], "/registry", 1, 15, is_tied=True, layout=layout)
    assert LaunchOrder.from_json(order.to_json()) == order
    bare = LaunchOrder("name", ["x"], "/registry", 1, 15, is_tied=True)
    assert LaunchOrder.from_json(bare.to_json()) == bare
    assert bare.layout is None
