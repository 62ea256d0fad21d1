"""Compare the responses of a changed target with those of the unchanged one.

The unchanged target is run twice, as A and as null arm: what differs between these two is
volatile (a clock, a token) and masked. Whatever else differs is a finding, never a saving.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from flask_assay.experiments.replay import Answer
from flask_assay.model.effect import OracleVerdict

__all__ = ["Oracle", "forgiven", "worst"]

# Worst last: a route's verdict is the worst of its requests.
_ORDER = (
    OracleVerdict.EQUAL,
    OracleVerdict.VOLATILE,
    OracleVerdict.REORDERED,
    OracleVerdict.DIFFERENT,
    OracleVerdict.ERROR,
)
_BETWEEN, _MOST_NAMED = ", ", 5
_OK, _NOT_MODIFIED = 200, 304
# hashes, numbers, and signed tokens with their dots (session, CSRF)
_TOKENS = re.compile(rb"[A-Za-z0-9_.\-]{20,}|[0-9a-fA-F]{8,}|[0-9]+")


@dataclass
class Oracle:
    """Judges the answers of one route.

    Attributes:
        volatile: JSON paths, or "(text)", in which A and the null arm differed.
    """

    volatile: set[str] = field(default_factory=set)

    def learn(self, unchanged: Answer, null: Answer) -> None:
        """Take note of what differs without any change."""
        left, right = _decoded(unchanged), _decoded(null)
        if left is None or right is None:
            if unchanged.body != null.body:
                self.volatile.add("(text)")
        else:
            self.volatile.update(_differing(left, right, "$"))

    def compare(self, unchanged: Answer, changed: Answer) -> tuple[OracleVerdict, str]:
        """Return how one changed answer compares, and what differed (paths only)."""
        head = _compare_head(unchanged, changed)
        if head is not None:
            return head
        if changed.body == unchanged.body:
            return OracleVerdict.EQUAL, ""
        left, right = _decoded(unchanged), _decoded(changed)
        if left is None or right is None:
            return self._compare_text(unchanged, changed)
        return self._compare_json(left, right)

    def compare_with_either(
        self, unchanged: Answer, null: Answer, changed: Answer
    ) -> tuple[OracleVerdict, str]:
        """Return how a changed answer compares with the more similar of two unchanged ones.

        Where requests write, what a request reads depends on which arm was asked before it: a
        message is new for the first of them only. The unchanged app gives both answers.
        """
        found = self.compare(unchanged, changed)
        if _ORDER.index(found[0]) < _ORDER.index(OracleVerdict.DIFFERENT) or null is changed:
            return found
        return min(found, self.compare(null, changed), key=lambda each: _ORDER.index(each[0]))

    def _compare_text(self, unchanged: Answer, changed: Answer) -> tuple[OracleVerdict, str]:
        if "(text)" not in self.volatile:
            lines = sorted(unchanged.body.splitlines()) == sorted(changed.body.splitlines())
            return (OracleVerdict.REORDERED if lines else OracleVerdict.DIFFERENT), "body text"
        masked = _TOKENS.sub(b"?", unchanged.body) == _TOKENS.sub(b"?", changed.body)
        if masked:
            return OracleVerdict.VOLATILE, "body text differs in tokens, as it does without change"
        return OracleVerdict.DIFFERENT, "body text"

    def _compare_json(self, left: object, right: object) -> tuple[OracleVerdict, str]:
        differing = set(_differing(left, right, "$"))
        if not differing:
            return OracleVerdict.EQUAL, ""
        paths = sorted(differing - self.volatile)
        if not paths:
            return OracleVerdict.VOLATILE, f"masked: {', '.join(sorted(self.volatile)[:5])}"
        if json.dumps(_canonical(left)) == json.dumps(_canonical(right)):
            return OracleVerdict.REORDERED, ", ".join(paths)
        return OracleVerdict.DIFFERENT, ", ".join(paths)


def _compare_head(unchanged: Answer, changed: Answer) -> tuple[OracleVerdict, str] | None:
    """Return the verdict if it does not depend on the body, else None."""
    if changed.status == 0 or unchanged.status == 0:
        return OracleVerdict.ERROR, "no response"
    if changed.status == _NOT_MODIFIED and unchanged.status == _OK:
        return _compare_validator(unchanged, changed)
    if changed.status != unchanged.status:
        worse = OracleVerdict.ERROR if changed.status >= 500 else OracleVerdict.DIFFERENT
        return worse, f"status {unchanged.status} became {changed.status}"
    if changed.content_type != unchanged.content_type:
        return OracleVerdict.DIFFERENT, "content type"
    return None


def _compare_validator(unchanged: Answer, changed: Answer) -> tuple[OracleVerdict, str]:
    """Return whether a client that was told "not modified" has the body that it would get."""
    # not for safety: it is how Werkzeug makes an ETag of a body
    digest = hashlib.sha1(unchanged.body, usedforsecurity=False).hexdigest()
    if changed.etag == digest:
        return OracleVerdict.EQUAL, "304: the client has this body"
    return OracleVerdict.DIFFERENT, "304, but the body is another one"


def worst(verdicts: Iterable[tuple[OracleVerdict, str]]) -> tuple[OracleVerdict, str]:
    """Return the worst of the verdicts with all that differed; equal if there are none."""
    details: dict[OracleVerdict, dict[str, None]] = {OracleVerdict.EQUAL: {}}
    for verdict, detail in verdicts:
        details.setdefault(verdict, {}).update(dict.fromkeys(detail.split(_BETWEEN)))
    found = max(details, key=_ORDER.index)
    return found, _BETWEEN.join(filter(None, details[found]))


def forgiven(
    found: tuple[OracleVerdict, str], volatile: Iterable[str]
) -> tuple[OracleVerdict, str]:
    """Return a verdict over several launches, and in few words.

    What a launch of the unchanged app showed of itself later, say rows in no order, is no fault of
    the change.

    Args:
        found: The worst of the launches.
        volatile: JSON paths that differed without change in any launch.
    """
    verdict, detail = found
    paths = detail.split(_BETWEEN)
    if verdict is OracleVerdict.DIFFERENT and set(paths) <= set(volatile):
        return OracleVerdict.VOLATILE, f"masked: {_BETWEEN.join(paths[:_MOST_NAMED])}"
    return verdict, _BETWEEN.join(paths[:_MOST_NAMED])


def _decoded(answer: Answer) -> object | None:
    if "json" not in answer.content_type:
        return None
    try:
        found: object = json.loads(answer.body)
    except ValueError:
        return None
    return found


def _differing(left: object, right: object, path: str) -> Iterable[str]:
    """Yield the paths in which two values differ; list positions are folded to ``[]``."""
    if isinstance(left, dict) and isinstance(right, dict):
        for name in left.keys() | right.keys():
            if name not in left or name not in right:
                yield f"{path}.{name}"
            else:
                yield from _differing(left[name], right[name], f"{path}.{name}")
    elif isinstance(left, list) and isinstance(right, list):
        if len(left) != len(right):
            yield f"{path}[] (length)"
        for one, other in zip(left, right, strict=False):
            yield from _differing(one, other, f"{path}[]")
    elif left != right or type(left) is not type(right):
        yield path


def _canonical(value: object) -> object:
    """Return a value in which the order of lists no longer counts."""
    if isinstance(value, dict):
        return {name: _canonical(value[name]) for name in sorted(value)}
    if isinstance(value, list):
        return sorted(json.dumps(_canonical(each)) for each in value)
    return value
