"""A patched target must not serve the original's modules."""

import sys
import types

import pytest

from flask_assay.experiments.interventions import imported_from


def test_code_of_the_original_directory_is_refused_and_other_code_is_not(tmp_path, monkeypatch):
    original = tmp_path / "project"
    module = types.ModuleType("patched_views")
    monkeypatch.setitem(sys.modules, "patched_views", module)
    for file in ("other/patched_views.py", "project/.venv/x.py", "project/v/site-packages/x.py"):
        module.__file__ = str(tmp_path / file)
        imported_from.apply(None, {"original": str(original)})()
    module.__file__ = str(original / "patched_views.py")
    with pytest.raises(RuntimeError, match="patched_views"):
        imported_from.apply(None, {"original": str(original)})
