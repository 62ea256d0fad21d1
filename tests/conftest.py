"""Only ``tests/sandboxed`` runs in a sandbox: other tests bring servers of their own, or none."""

from pathlib import Path

import pytest

SANDBOXED = Path(__file__).parent / "sandboxed"


def pytest_collection_modifyitems(items):
    for item in items:
        if SANDBOXED not in item.path.parents:
            item.add_marker(pytest.mark.assay(gear="off"))
