"""The app's Flask-SQLAlchemy object, whichever release keeps it where."""

from typing import Any

__all__ = ["flask_sqlalchemy_of"]


def flask_sqlalchemy_of(app: Any) -> Any:
    """Return what the app was initialised with, None without Flask-SQLAlchemy.

    Release 2 registers a state object that holds it as ``db``; release 3.0 warns whoever asks
    its extension for that name, so it is looked up without asking.
    """
    extension = app.extensions.get("sqlalchemy") if app is not None else None
    return getattr(extension, "__dict__", {}).get("db", extension)
