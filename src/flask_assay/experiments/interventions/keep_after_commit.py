"""Keep what objects hold across a commit, as ``expire_on_commit=False`` does."""

from typing import Any

from flask_assay.experiments.interventions.stand_in import (
    IsOn,
    Parameters,
    Undo,
    always,
    on_endpoint,
)

__all__ = ["apply"]

_NAME = "expire_on_commit"


def apply(app: Any, parameters: Parameters, is_on: IsOn = always) -> Undo:
    """Let sessions of an endpoint's requests expire nothing at a commit from now on.

    Parameters: "endpoint".
    """
    from sqlalchemy.orm import Session

    is_here = on_endpoint(parameters["endpoint"], is_on)
    # several such changes may be installed: a request wakes one of them
    below = vars(Session).get(_NAME)

    def read(self: Any) -> Any:
        if is_here():
            return False
        return below.fget(self) if below is not None else vars(self).get(_NAME, True)

    def write(self: Any, value: Any) -> None:
        vars(self)[_NAME] = value

    def restore() -> None:
        if below is None:
            delattr(Session, _NAME)
        else:
            setattr(Session, _NAME, below)

    setattr(Session, _NAME, property(read, write))
    return restore
