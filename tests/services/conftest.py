"""Real servers, in a base directory of the test session's own."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from flask_assay.services.postgres import provision_postgres
from flask_assay.services.run_dir import RunDirectory
from flask_assay.services.supervisor import Supervisor


def pytest_collection_modifyitems(items):
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.services)


@pytest.fixture(scope="session")
def base():
    """Short, and passable for the user that root's servers run as."""
    path = Path(tempfile.mkdtemp(prefix="assay-t-"))
    path.chmod(0o711)
    yield path / "b"
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def run(base):
    with RunDirectory.create(base) as run:
        yield run


@pytest.fixture
def supervisor(run):
    with Supervisor(run) as supervisor:
        yield supervisor


@pytest.fixture(scope="module")
def shared(base):
    """One PostgreSQL for the tests of a module that do not harm it."""
    with RunDirectory.create(base) as run, Supervisor(run) as supervisor:
        yield provision_postgres(supervisor, purpose="tests", listen_tcp=True)


@pytest.fixture(scope="module")
def sturdy(base):
    with RunDirectory.create(base) as run, Supervisor(run) as supervisor:
        yield provision_postgres(supervisor, purpose="tests")


@pytest.fixture
def postgres(sturdy):
    """A running PostgreSQL that the test may stop, freeze and kill."""
    sturdy.start()
    return sturdy


@pytest.fixture
def as_root():
    if os.geteuid() != 0:
        pytest.skip("needs root")
