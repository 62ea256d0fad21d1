"""How artifacts are declared, resolved once per recording, and handed to audits."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

from flask_assay.recording.reader import Recording

__all__ = ["Artifact", "Given", "UnavailableError", "View", "artifact"]

T = TypeVar("T")


class UnavailableError(Exception):
    """The recording lacks what an artifact is made of; the message says what."""


@dataclass(frozen=True, eq=False)
class Artifact(Generic[T]):
    """A derived view of a recording, declared.

    Attributes:
        name: As audits and documentation call it ("route-latency").
        compute: Makes it from the recording and other artifacts.
    """

    name: str
    compute: Callable[["View"], T]


def artifact(name: str) -> Callable[[Callable[["View"], T]], Artifact[T]]:
    """Declare the decorated function as the artifact of that name."""

    def declare(compute: Callable[["View"], T]) -> Artifact[T]:
        return Artifact(name, compute)

    return declare


class View:
    """One recording's artifacts, each computed at most once.

    Args:
        recording: An opened recording, whole or partial.
    """

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self._made: dict[str, object] = {}

    def __getitem__(self, wanted: Artifact[T]) -> T:
        """Return the artifact, computing it at the first call.

        Raises:
            UnavailableError: If the recording lacks what it is made of, at every call alike.
        """
        if wanted.name not in self._made:
            try:
                self._made[wanted.name] = wanted.compute(self)
            except UnavailableError as error:
                self._made[wanted.name] = error
        made = self._made[wanted.name]
        if isinstance(made, UnavailableError):
            raise UnavailableError(*made.args)
        return cast("T", made)

    def document(self, name: str, purpose: str) -> dict[str, object]:
        """Return a document of the recording.

        Raises:
            UnavailableError: If it was never written, or is empty.
        """
        found = self.recording.document(name)
        if not found:
            raise UnavailableError(f"the recording has no {name}.json: {purpose}")
        return found


class Given:
    """The artifacts that an audit declared, and no others."""

    def __init__(self, view: View, needs: Iterable[Artifact[object]]) -> None:
        self._view = view
        self._allowed = {need.name for need in needs}

    def __getitem__(self, wanted: Artifact[T]) -> T:
        """Return a declared artifact.

        Raises:
            LookupError: If the audit did not declare it.
            UnavailableError: If the recording lacks what it is made of.
        """
        if wanted.name not in self._allowed:
            raise LookupError(f"{wanted.name} is not declared in META.needs of this audit")
        return self._view[wanted]
