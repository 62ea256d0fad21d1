"""Every error that flask-assay raises on purpose.

::

    AssayError                     exit code 3: could not measure
    ├── UsageError                 exit code 2: a bad option, setting or file of the user's
    ├── ServiceError               a server of ours could not be provided
    │   └── NotOursError           a database or server that we did not create: refused
    ├── TargetError                the app under test could not be imported, booted or seeded
    ├── LoadError                  the load could not be produced
    ├── RecordingError             a recording is missing, torn beyond use, or of another schema
    ├── MissingExtraError          an optional part is not installed
    └── InterruptedRunError        exit code 130: the user stopped the run

An error says what happened with the offending value, why, and what to do.
"""

__all__ = [
    "AssayError",
    "InterruptedRunError",
    "LoadError",
    "MissingExtraError",
    "NotOursError",
    "RecordingError",
    "ServiceError",
    "TargetError",
    "UsageError",
]


class AssayError(Exception):
    """An error that teaches: what happened, why, what to do.

    Args:
        what: One line with the offending value; the heading under which ``errors.md`` explains it.
        why: The mechanism behind it.
        todo: Each way out.
    """

    exit_code = 3

    def __init__(self, what: str, *, why: str = "", todo: str = "") -> None:
        super().__init__(what)
        self.what, self.why, self.todo = what, why, todo

    def __str__(self) -> str:
        return "\n\n".join(part for part in (self.what, self.why, self.todo) if part)


class UsageError(AssayError):
    """A bad option, setting or file of the user's."""

    exit_code = 2


class ServiceError(AssayError):
    """A server of ours could not be provided."""


class NotOursError(ServiceError):
    """A database or server that flask-assay did not create; touching it is refused."""


class TargetError(AssayError):
    """The app under test could not be imported, booted, migrated or seeded."""


class LoadError(AssayError):
    """The load could not be produced."""


class RecordingError(AssayError):
    """A recording is missing, torn beyond use, or of another schema version."""


class MissingExtraError(AssayError):
    """An optional part is not installed.

    Args:
        package: The distribution that is missing.
        extra: The extra of flask-assay that brings it.
        purpose: What it is needed for.
    """

    exit_code = 2

    def __init__(self, package: str, *, extra: str, purpose: str) -> None:
        super().__init__(
            f"{package} is not installed",
            why=f"It is needed to {purpose}.",
            todo=f"pip install 'flask-assay[{extra}]'",
        )


class InterruptedRunError(AssayError):
    """The user stopped the run; what was recorded so far is kept."""

    exit_code = 130
