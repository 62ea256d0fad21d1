"""Code that runs inside the target's processes: load the app, prepare it, serve it.

Modules here may import flask and what the app has; they start no servers.
"""

from pathlib import Path

__all__ = ["gunicorn_conf_path"]


def gunicorn_conf_path() -> Path:
    """Return the config file that Gunicorn is given; it is never imported as a module."""
    return Path(__file__).with_name("gunicorn_conf.py")
