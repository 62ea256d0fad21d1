"""Flame graphs: the trees that the page draws, and the same in tables for those without script.

A function is one frame, whichever of its lines ran; its lines are told beside it. A chain of
library frames that only pass on to one another is one frame, named for its first.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from flask_assay.model.document import EndpointProfile, Profile, ProfileFrame

__all__ = ["FunctionRow", "Node", "as_data", "sampler_words", "top_functions", "tree_of"]

_LINE = re.compile(r":(\d+) ")
_PASSES_ON = 0.98  # of a frame's time: the rest is lost in samples
_CHAIN_SHOWN = 12
_LINES_SHOWN = 4
_LEFT_OUT = ProfileFrame("(left out)", "other")
_SAMPLERS = {
    "cpu-timer": "the kernel's CPU timer, which interrupts the thread that serves",
    "py-spy": "py-spy, from outside of the process",
    "none": "no sampler: none was possible",
}


@dataclass(slots=True)
class Node:
    """One frame of a tree.

    Attributes:
        frame: Its text has no line.
        total: Microseconds, children included.
        kids: By text and kind.
        lines: Microseconds by line of the user's code.
        chain: Texts of the frames that this one stands for as well.
    """

    frame: ProfileFrame
    total: int = 0
    kids: "dict[tuple[str, str], Node]" = field(default_factory=dict)
    lines: Counter[int] = field(default_factory=Counter)
    chain: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class FunctionRow:
    """One function of an endpoint.

    Attributes:
        name: Of the function.
        place: "file:line" of its heaviest line if it is the user's, else "".
        kind: As in ``ProfileFrame``.
        own_ratio: Share of the endpoint's CPU in the function itself.
        total_ratio: The same with all that it called.
    """

    name: str
    place: str
    kind: str
    own_ratio: float
    total_ratio: float


def sampler_words(profile: Profile) -> str:
    """Return in words how the samples were taken."""
    return "; ".join(_SAMPLERS.get(name, name) for name in profile.sampler.split(" and "))


def as_data(profile: Profile) -> dict[str, object]:
    """Return what the script draws: names once, then per endpoint nested lists.

    A node is [name, microseconds, children, lines, names of the chain]; lines and chain may be
    missing at the end, and are 0 if only the first is.
    """
    names: dict[tuple[str, str], int] = {}
    endpoints = [
        {
            "name": one.endpoint,
            "routes": list(one.routes),
            "tree": _plain(tree_of(profile, one), names),
        }
        for one in profile.endpoints
    ]
    return {"names": [list(name) for name in names], "endpoints": endpoints}


def top_functions(profile: Profile, one: EndpointProfile, count: int = 8) -> list[FunctionRow]:
    """Return the functions with most CPU of their own, most first."""
    own: Counter[tuple[str, str]] = Counter()
    total: Counter[tuple[str, str]] = Counter()
    lines: dict[tuple[str, str], Counter[int]] = {}
    for stack in one.stacks:
        frames = [profile.frames[at] for at in stack.frames]
        weight = _micro(stack.cpu_s)
        for key in {_key(frame) for frame in frames}:
            total[key] += weight
        for frame in frames[-1:]:
            own[_key(frame)] += weight
            lines.setdefault(_key(frame), Counter())[_line(frame)] += weight
    whole = max(1, _micro(one.cpu_s))
    return [
        FunctionRow(*_named(key, lines[key]), own[key] / whole, total[key] / whole)
        for key in sorted(own, key=lambda key: (-own[key], key))[:count]
    ]


def _named(key: tuple[str, str], lines: Counter[int]) -> tuple[str, str, str]:
    """Return name, place and kind of a function."""
    text, kind = key
    if kind != "user":
        return text, "", kind
    file, _, function = text.rpartition(" ")
    return function, f"{file}:{max(lines, key=lambda line: (lines[line], -line))}", kind


def tree_of(profile: Profile, one: EndpointProfile) -> Node:
    """Return the calls of one endpoint as a tree whose root is the endpoint."""
    root = Node(ProfileFrame(one.endpoint, "root"), _micro(one.cpu_s))
    known = 0
    for stack in one.stacks:
        weight = _micro(stack.cpu_s)
        known += weight
        _grow(root, (profile.frames[at] for at in stack.frames), weight)
    if root.total > known:
        root.kids[_key(_LEFT_OUT)] = Node(_LEFT_OUT, root.total - known)
    root.total = max(root.total, known)
    for kid in root.kids.values():
        _shorten(kid)
    return root


def _grow(root: Node, frames: Iterable[ProfileFrame], weight: int) -> None:
    node = root
    for frame in frames:
        key = _key(frame)
        node = node.kids.setdefault(key, Node(ProfileFrame(*key)))
        node.total += weight
        if line := _line(frame):
            node.lines[line] += weight


def _shorten(node: Node) -> None:
    """Join a library frame with the one frame of its package that it only passes on to."""
    while len(node.kids) == 1 and node.frame.kind not in {"user", "root"}:
        (kid,) = node.kids.values()
        if _package(kid) != _package(node) or kid.total < _PASSES_ON * node.total:
            break
        node.chain.append(kid.frame.text)
        node.kids = kid.kids
    for kid in node.kids.values():
        _shorten(kid)


def _package(node: Node) -> str:
    return node.frame.kind + node.frame.text.partition(":")[0]


def _plain(node: Node, names: dict[tuple[str, str], int]) -> list[object]:
    number = names.setdefault((node.frame.text, node.frame.kind), len(names))
    kids = sorted(node.kids.values(), key=lambda kid: (-kid.total, kid.frame.text))
    found: list[object] = [number, node.total, [_plain(kid, names) for kid in kids]]
    if node.lines:
        found.append([[line, weight] for line, weight in node.lines.most_common(_LINES_SHOWN)])
    elif node.chain:
        found += [0, node.chain[:_CHAIN_SHOWN]]
    return found


def _key(frame: ProfileFrame) -> tuple[str, str]:
    """Return text without the line, and kind."""
    if frame.kind != "user":
        return frame.text, frame.kind
    return _LINE.sub(" ", frame.text, count=1), frame.kind


def _line(frame: ProfileFrame) -> int:
    found = _LINE.search(frame.text) if frame.kind == "user" else None
    return int(found.group(1)) if found else 0


def _micro(seconds: float) -> int:
    return round(seconds * 1e6)
