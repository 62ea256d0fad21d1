"""The page that publishes the guarantees names a test for each, and each is there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "explanation" / "services.md"


def test_every_test_that_the_page_names_exists():
    named = set(re.findall(r"`(?:test_\w+\.py::)?(test_\w+)`", PAGE.read_text()))
    files = (ROOT / "tests" / "services").glob("test_*.py")
    defined = set(
        re.findall(r"^def (test_\w+)", "\n".join(f.read_text() for f in files), re.MULTILINE)
    )
    assert len(named) > 20
    assert named <= defined


def test_every_guarantee_names_a_test():
    rows = [line for line in PAGE.read_text().splitlines() if re.match(r"\| [A-Z]", line)]
    assert len(rows) > 15
    assert [row for row in rows if "`test_" not in row.rsplit("|", 2)[1]] == []
