"""Which gear a test runs in, remembered from run to run."""

import hashlib
from dataclasses import asdict, dataclass
from typing import Any

from flask_assay.sandbox.checkout import Gear

__all__ = ["Choices", "Known", "code_digest"]


@dataclass(frozen=True, slots=True)
class Known:
    """What an earlier run found out about a test.

    Attributes:
        digest: Of the test's code and the template, when it was found out.
        gear: "clone" if rollback was unfaithful.
        reason: Why.
        is_confirmed: A doubt was looked into on a clone and was unfounded.
    """

    digest: str
    gear: Gear
    reason: str
    is_confirmed: bool = False


class Choices:
    """Remembers by test; what was known of other code or another template does not count.

    Args:
        stored: As `changes` and the cache have it: test id to fields of `Known`.
        template: Digest of the template.
    """

    def __init__(self, stored: dict[str, Any], template: str) -> None:
        self._stored, self._template = stored, template
        self.changes: dict[str, Any] = {}

    def known(self, test: str, code: str) -> Known | None:
        """Return what is known of a test with this code on this template."""
        fields = self.changes.get(test) or self._stored.get(test)
        if not isinstance(fields, dict):
            return None
        known = Known(**fields)
        return known if known.digest == self._digest(code) else None

    def remember(
        self, test: str, code: str, gear: Gear, *, reason: str, is_confirmed: bool = False
    ) -> None:
        """Remember for the runs to come."""
        self.changes[test] = asdict(Known(self._digest(code), gear, reason, is_confirmed))

    def _digest(self, code: str) -> str:
        return hashlib.sha256(f"{code} {self._template}".encode()).hexdigest()[:16]


def code_digest(function: Any) -> str:
    """Return a digest of a function's code; "" if it has none."""
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    if code is None:
        return ""
    hasher = hashlib.sha256()
    _feed(hasher, code)
    return hasher.hexdigest()[:16]


def _feed(hasher: Any, code: Any) -> None:
    hasher.update(code.co_code)
    for constant in code.co_consts:
        if hasattr(constant, "co_code"):
            _feed(hasher, constant)
        else:
            hasher.update(repr(constant).encode())
    hasher.update(repr(code.co_names).encode())
