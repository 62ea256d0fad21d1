"""Sizes of globals become the document of those that grew, with the line that fills them."""

import json

import pytest

from flask_assay.gather.containers import growing_containers, writing_line


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("memo = {}\n\n\ndef f(k):\n    memo[k] = 1\n", (5, "f")),
        ("memo = {}\nmemo['x'] = 1\n\n\ndef f(k):\n    return memo.setdefault(k, [])\n", (6, "f")),
        ("memo: list = []\n\n\nclass A:\n    def f(self):\n        memo.append(self)\n", (6, "f")),
        ("import functools\n\n\n@functools.cache\ndef memo(k):\n    return k\n", (5, "")),
        ("class A:\n    memo = {}\n\n    def f(self, k):\n        self.memo[k] = k\n", (5, "f")),
        ("memo = {}\n", (1, "")),
        ("memo: dict = {}\n", (1, "")),
        ("memo = {\n", (0, "")),
        ("other = 1\n", (0, "")),
    ],
)
def test_the_line_that_fills_a_global_is_found(source, line, tmp_path):
    (tmp_path / "m.py").write_text(source)
    assert writing_line(tmp_path / "m.py", "memo") == line


def test_a_module_without_a_file_has_no_line(tmp_path):
    assert writing_line(tmp_path / "gone.py", "memo") == (0, "")


def test_only_what_grew_is_kept_each_process_apart(tmp_path):
    (tmp_path / "m.py").write_text("memo = {}\n\n\ndef f(k):\n    memo[k] = 1\n")
    for pid in (7, 8):
        lines = [{"t_ns": 10, "sizes": {"m.py:memo": 0, "m.py:few": 3}},
                 {"t_ns": 20, "sizes": {"m.py:memo": 40, "m.py:few": 5}}]  # fmt: skip
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (tmp_path / f"containers-{pid}.jsonl").write_text(text)
    found = growing_containers(tmp_path, tmp_path)["containers"]
    assert [(one["name"], one["line"], one["function"], one["pid"]) for one in found] == [
        ("memo", 5, "f", 7), ("memo", 5, "f", 8),
    ]  # fmt: skip
    assert found[0]["points"] == [[10, 0], [20, 40]]
