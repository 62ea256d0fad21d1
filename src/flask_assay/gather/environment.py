"""Write ``environment.json``: what ran, in which version, on what machine."""

import os
import platform
from importlib import metadata
from typing import Any

__all__ = ["describe_environment"]

_SHOWN = (
    "flask", "werkzeug", "jinja2", "sqlalchemy", "flask-sqlalchemy", "flask-sqlalchemy-lite",
    "psycopg", "psycopg-c", "psycopg-binary", "psycopg2", "psycopg2-binary", "pg8000", "redis",
    "flask-caching", "gunicorn", "gevent", "locust", "celery", "flask-assay",
)  # fmt: skip


def describe_environment() -> dict[str, Any]:
    """Return versions of distributions and facts of the machine; no host name, no path."""
    versions = {}
    for name in _SHOWN:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "platform": f"{platform.system()} {platform.machine()}",
        "cpu_count": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0,
        "memory_bytes": memory,
        "versions": versions,
    }
