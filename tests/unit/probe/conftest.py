from pathlib import Path

import pytest

from flask_assay.probe import ProbePlan, attach, detach
from flask_assay.recording.reader import Recording


@pytest.fixture
def plan(tmp_path):
    return ProbePlan(tmp_path, Path(__file__).parent)


@pytest.fixture
def probed(plan):
    """Attach with a plan (the default one, or one with some changes); detach after the test."""
    from dataclasses import replace

    def start(**changes):
        return attach(replace(plan, **changes))

    yield start
    detach()


@pytest.fixture
def rows(tmp_path):
    """Detach, and return what was recorded."""

    def read():
        detach()
        return Recording(tmp_path)

    return read
