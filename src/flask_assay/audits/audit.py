"""What an audit is: declared data and one function."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from flask_assay.artifacts.view import Artifact, Given
from flask_assay.model.finding import Finding

__all__ = ["Audit", "Meta", "NotApplicableError", "State"]


class State(StrEnum):
    """How far an audit is trusted."""

    STABLE = "stable"
    PREVIEW = "preview"  # shown, never more than a warning, never gating


class NotApplicableError(Exception):
    """The recording holds nothing that this audit could judge; the message says why."""


@dataclass(frozen=True, slots=True)
class Meta:
    """An audit's declaration.

    Attributes:
        audit_id: Noun of the failing state; reads well after "allow".
        title: What holds when it passes.
        failure_title: What holds when it fails.
        needs: Artifacts that it receives.
        state: How far it is trusted.
        is_fallback: Whether its findings stand only for statements that no other finding names.
        effect_of: Audits of the cause: where one of them has a finding on all of its routes, a
            finding of this audit is a part of that.
    """

    audit_id: str
    title: str
    failure_title: str
    needs: tuple[Artifact[Any], ...]
    state: State = State.STABLE
    is_fallback: bool = False
    effect_of: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Audit:
    """A registered audit: its declaration, its function and its page.

    Attributes:
        meta: The declaration.
        run: Takes the declared artifacts, returns findings, none if all is well.
        page: The docstring of its module.
    """

    meta: Meta
    run: Callable[[Given], Sequence[Finding]]
    page: str
