"""Copies of a template that are there before anyone asks: renamed, where others are cloned."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from flask_assay.model.owned import OwnedDatabase
from flask_assay.sandbox.admin import Admin
from flask_assay.services.psql import literal, quoted

__all__ = ["marked_sql", "obtain", "prepare", "ready_name"]

FIRST = "main"
"""Whom the copy that is kept with a template is for: a session without workers."""


def ready_name(template: OwnedDatabase, worker: str = FIRST) -> str:
    """Return the name of the copy that waits for a worker."""
    return f"{template.name}_ready_{worker}"


def marked_sql(nonce: str, run_id: str) -> str:
    """Return what makes a copy out of the cache this run's.

    An UPDATE, because the catalog must stay as the template's fingerprint has it.
    """
    return (
        f"UPDATE flask_assay.marker SET nonce = {literal(nonce)}, "  # noqa: S608 - quoted
        f"run_id = {literal(run_id)}"
    )


def obtain(admin: Admin, template: OwnedDatabase, worker: str, name: str) -> OwnedDatabase:
    """Return a copy of a template under a name of the run's: the one that waits, or a new one."""
    return _adopt(admin, template, worker, name) or admin.clone(template, name)


def _adopt(admin: Admin, template: OwnedDatabase, worker: str, name: str) -> OwnedDatabase | None:
    try:
        admin.run(f"ALTER DATABASE {quoted(ready_name(template, worker))} RENAME TO {quoted(name)}")
    except Exception:  # noqa: BLE001 - of either driver: it is not there, or not yet
        return None
    db = replace(template, name=name)
    admin.query(db, marked_sql(admin.server.nonce, admin.server.run_id))
    return db


def prepare(admin: Admin, templates: Sequence[OwnedDatabase], workers: Sequence[str]) -> None:
    """Have a copy of each template wait for each worker; who comes earlier clones for itself."""
    for worker in workers:
        for template in templates:
            with suppress(Exception):
                _prepare_one(admin, template, worker)


def _prepare_one(admin: Admin, template: OwnedDatabase, worker: str) -> None:
    kept, wanted = quoted(ready_name(template)), ready_name(template, worker)
    try:
        admin.run(f"ALTER DATABASE {kept} RENAME TO {quoted(wanted)}")
    except Exception:  # noqa: BLE001 - of either driver: the first worker has it
        admin.clone(template, wanted, strategy="file_copy")
