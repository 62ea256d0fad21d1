"""The pages of the audits are those that their docstrings make."""

import importlib.util
from pathlib import Path

from flask_assay.audits.registry import AUDITS

DOCS = Path(__file__).parents[2] / "docs"


def generator():
    spec = importlib.util.spec_from_file_location("generate_audits", DOCS / "generate_audits.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_committed_pages_are_current():
    wanted = generator().pages()
    there = {path.name: path.read_text() for path in (DOCS / "reference" / "audits").glob("*.md")}
    assert there == wanted, "run: python docs/generate_audits.py"


def test_every_audit_has_one_line_in_the_registry():
    checks = Path(AUDITS[0].run.__code__.co_filename).parent
    files = {path.stem for path in checks.glob("*.py")} - {"__init__"}
    assert {audit.meta.audit_id.replace("-", "_") for audit in AUDITS} == files
