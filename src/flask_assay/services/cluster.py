"""A PostgreSQL data directory: initialised once per (wheel, options), copied per run."""

import fcntl
import hashlib
import os
import pwd
from pathlib import Path
from typing import Literal

from flask_assay.errors import ServiceError
from flask_assay.services.binaries import PostgresBinaries
from flask_assay.services.cached_tree import is_whole, publish
from flask_assay.services.databases import OUR_ROLE
from flask_assay.services.layout import Layout
from flask_assay.services.privileges import give, service_user
from flask_assay.services.supervisor import Supervisor
from flask_assay.services.waiting import WaitTimeoutError

__all__ = ["Purpose", "configuration", "initialise", "layout_for"]

Purpose = Literal["tests", "measured"]

INITDB_S = 120.0

INITDB_OPTIONS = (
    "--no-sync",
    "--encoding=UTF8",
    # The same order and case rules on every machine; btree serves LIKE 'abc%'.
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--no-locale",
    f"--username={OUR_ROLE}",
    "--auth=trust",
)

_BOTH = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "dynamic_shared_memory_type": "mmap",
    "max_wal_size": "256MB",
    "min_wal_size": "32MB",
    "shared_preload_libraries": "pg_stat_statements,auto_explain",
    "compute_query_id": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    "cluster_name": "",
    # Shapes, never values: what is logged and kept must hold none of the app's data.
    "pg_stat_statements.track_utility": "off",
    "pg_stat_statements.save": "off",
    "auto_explain.log_parameter_max_length": "0",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_min_messages": "log",
    "log_checkpoints": "off",
}

_BY_PURPOSE: dict[Purpose, dict[str, str]] = {
    # A killed process loses nothing by these; only a crash of the machine would. (A commit that
    # does not wait would be lost with its process, and without fsync it gains nothing.)
    "tests": {
        "fsync": "off",
        "full_page_writes": "off",
        "autovacuum": "off",
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "max_logical_replication_workers": "0",
        "io_method": "sync",  # three processes fewer to start and to stop
        "max_connections": "200",
        "max_prepared_transactions": "16",  # two-phase commit is among what tests do
    },
    # What is not named here is PostgreSQL's default, durability above all.
    "measured": {"track_io_timing": "on"},
}


def configuration(purpose: Purpose) -> dict[str, str]:
    """Return the settings that a server for this purpose starts with."""
    return {**_BOTH, **_BY_PURPOSE[purpose]}


def layout_for(
    supervisor: Supervisor,
    binaries: PostgresBinaries,
    directory: Path,
    settings: dict[str, str],
    *,
    cluster: Path | None = None,
) -> Layout:
    """Return what a data directory for one run is made of.

    Args:
        supervisor: Runs ``initdb``, if this wheel's cluster is not cached yet.
        binaries: PostgreSQL's programs.
        directory: Where it will be; must not exist.
        settings: Written into its configuration.
        cluster: A stopped cluster of ours to copy in place of an initial one.

    Raises:
        ServiceError: If there is nothing to copy and it cannot be made.
    """
    user_name = _user_name()
    if cluster is None:
        cluster = _initial(supervisor, binaries)
    lines = [f"{name} = '{value}'" for name, value in settings.items()]
    user = service_user()
    return Layout(
        source=str(cluster),
        target=str(directory),
        appended={"postgresql.conf": "\n# flask-assay\n" + "\n".join(lines) + "\n"},
        # The socket's directory is closed to others already. The peer's name also shuts out other
        # processes of the user that root's servers are dropped to.
        written={
            "pg_hba.conf": "local all all peer map=assay\n"
            "host all all 127.0.0.1/32 scram-sha-256\n",
            "pg_ident.conf": f'assay "{user_name}" all\n',
        },
        uid=user.uid if user else None,
        gid=user.gid if user else None,
    )


def _initial(supervisor: Supervisor, binaries: PostgresBinaries) -> Path:
    """Return the cached cluster that nothing was done in yet."""
    key = hashlib.sha256("\0".join((binaries.version, *INITDB_OPTIONS)).encode()).hexdigest()[:12]
    template = supervisor.run.cache / f"cluster-{key}-{_service_uid()}"
    if not is_whole(template):
        _fill(supervisor, binaries, template)
    return template


def _service_uid() -> int:
    user = service_user()
    return user.uid if user else os.geteuid()


def _fill(supervisor: Supervisor, binaries: PostgresBinaries, template: Path) -> None:
    """Initialise the cached cluster; of several runs that want it, one does."""
    with (template.parent / f"{template.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if is_whole(template):
            return
        beside = supervisor.run.data / "initial"
        initialise(supervisor, binaries, beside)
        publish(beside, template)


def initialise(supervisor: Supervisor, binaries: PostgresBinaries, directory: Path) -> None:
    """Make a cluster in a directory that is not there yet, or empty.

    Raises:
        ServiceError: With the words of ``initdb``.
    """
    directory.mkdir(mode=0o700, exist_ok=True)
    give(directory)
    process = supervisor.start(
        "initdb",
        [binaries.path("initdb"), "-D", str(directory), *INITDB_OPTIONS],
        env={"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath},
        cwd=Path("/"),
        drop_root=True,
    )
    try:
        code = process.wait(INITDB_S)
    except WaitTimeoutError:
        code = -1
    process.stop()
    if code != 0:
        raise ServiceError(
            f"initdb ended with {code}",
            why=process.last_words(),
            todo="Run `flask assay doctor`; it looks for the usual causes.",
        )


def _user_name() -> str:
    """Return the caller's name as the system has it, whatever the environment says."""
    uid = os.geteuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        raise ServiceError(
            f"user id {uid} has no name",
            why="PostgreSQL asks the system for the name of the user that it runs as.",
            todo="In a container: add a line for it to /etc/passwd, or run as root.",
        ) from None
