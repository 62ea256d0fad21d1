"""Only ``tests/sandboxed`` runs in a sandbox: other tests bring servers of their own, or none."""

import signal
from pathlib import Path

import pytest

SANDBOXED = Path(__file__).parent / "sandboxed"


def pytest_configure():
    # A shell without job control lets what it runs in the background ignore Ctrl-C, and all that
    # is started from there inherits it; tests that send one wait for ever then.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    for item in items:
        if SANDBOXED not in item.path.parents:
            item.add_marker(pytest.mark.assay(gear="off"))
