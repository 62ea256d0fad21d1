"""A real server for the sandbox's conformance suite."""

import contextlib
import shutil
import tempfile
from pathlib import Path

import pytest

from flask_assay.sandbox.admin import ServerAddress
from flask_assay.services.postgres import provision_postgres
from flask_assay.services.run_dir import RunDirectory
from flask_assay.services.supervisor import Supervisor


@pytest.fixture(scope="session")
def sandbox_base():
    path = Path(tempfile.mkdtemp(prefix="assay-s-"))
    path.chmod(0o711)
    yield path / "b"
    shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def started_server(base):
    """A server that stops at the end of the block, as the sandbox knows it."""
    with RunDirectory.create(base) as run, Supervisor(run) as supervisor:
        postgres = provision_postgres(supervisor, purpose="tests")
        yield ServerAddress(
            socket_dir=str(postgres.socket_dir),
            port=postgres.port,
            nonce=run.nonce,
            system_identifier=postgres.system_identifier,
            run_id=run.run_id,
        )


@pytest.fixture(scope="session")
def server(sandbox_base):
    with started_server(sandbox_base) as address:
        yield address
