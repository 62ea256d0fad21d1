from pathlib import Path

import pytest

from flask_assay.probe import ProbePlan, attach, detach
from flask_assay.probe.compilation import COMPILED
from flask_assay.recording.reader import Recording


def take_path(monkeypatch, name):
    """Send requests and statements along one of the two ways."""
    if name == "compiled" and COMPILED is None:
        pytest.skip("the hot paths are not compiled: no C compiler, or no headers of Python")
    for sensor in ("requests", "queries"):
        module = f"flask_assay.probe.sensors.{sensor}"
        monkeypatch.setattr(f"{module}.COMPILED", COMPILED if name == "compiled" else None)


@pytest.fixture(params=["python", "compiled"])
def path(request, monkeypatch):
    take_path(monkeypatch, request.param)
    return request.param


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
