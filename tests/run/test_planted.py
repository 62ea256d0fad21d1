"""The planted flaws are found where they are, and the healthy twin is left alone, by real runs.

Every run prints its confusion: `pytest -s tests/run/test_planted.py` shows it.
"""

import re
import shutil
from collections import Counter
from pathlib import Path

import pytest
from tests.run.command_rig import assay, recordings

from flask_assay.diagnosis import diagnose
from flask_assay.model.finding import Severity
from flask_assay.recording.reader import open_recording

pytestmark = pytest.mark.load

EXAMPLES = Path(__file__).parents[2] / "examples"
ROW = re.compile(
    r"\| (?P<flaw>[^|]+) \| `(?P<file>[^`:]+):(?P<line>\d+)` \| `[^`]+`"
    r" \| (?:`(?P<route>[^`]+)`|–) \| `(?P<audit>[a-z-]+)` \| .* \|"
)
TRUE_TOO = re.compile(r"\| (?P<routes>[^|]+) \| `(?P<audit>[a-z-]+)` \| [^|]+ \|")


# Requests of its route that a flaw needs to show; a machine that is too busy for them shows it not.
NEEDED = {"memory-growth": 45, "uncached-response": 30}
NEEDED_BY_ANY = 8
SURE_US = 120_000  # sampled CPU of a route: thirty ticks of the kernel's timer tell a share


def was_shown(row, diagnosis, sampled):
    if not row["route"]:
        return True
    routes = {each.route: each for each in diagnosis.routes}
    seen = routes.get(row["route"])
    if seen is None or seen.request_count < NEEDED.get(row["audit"], NEEDED_BY_ANY):
        return False
    return row["audit"] != "hot-function" or sampled[seen.endpoint] >= SURE_US


def sampled_us(recording):
    """Return sampled CPU by endpoint: the learning pass has seconds, not CPU, to spend."""
    found = Counter()
    for stack, weight in recording.document("profile").get("stacks", {}).items():
        found[stack.partition(";")[0]] += weight
    return found


def planted():
    section = (EXAMPLES / "legacy_shop" / "PLANTED.md").read_text().partition("## True as well")
    rows = [ROW.fullmatch(line) for line in section[0].splitlines()]
    return [row.groupdict() for row in rows if row]


def true_as_well():
    section = (EXAMPLES / "legacy_shop" / "PLANTED.md").read_text().partition("## True as well")
    rows = [TRUE_TOO.fullmatch(line) for line in section[2].splitlines()]
    return [(row["routes"], row["audit"]) for row in rows if row]


def run(name, directory, *, duration_s, **options):
    project = directory / name
    skip = shutil.ignore_patterns(".assay", "__pycache__", "tests", "PLANTED.md")
    shutil.copytree(EXAMPLES / name, project, ignore=skip)
    more = [part for key, value in options.items() for part in (f"--{key}", value)]
    outcome = assay(
        project, directory / "base", "run", "--duration-s", duration_s, "--warm-up-s", 3,
        "--no-experiments", "--no-growth", *more, app=name,
    )  # fmt: skip
    assert recordings(project), outcome.err
    return open_recording(recordings(project)[-1])


@pytest.fixture(scope="session")
def recording(tmp_path_factory):
    return run("legacy_shop", tmp_path_factory.mktemp("legacy"), duration_s=30)


@pytest.fixture(scope="session")
def legacy(recording):
    return diagnose(recording)


def finds(row, finding):
    if finding.audit != row["audit"]:
        return False
    if row["route"] and row["route"] not in finding.routes:
        return False
    return str(finding.place) == f"{row['file']}:{row['line']}"


def is_true(finding):
    if any(finds(row, finding) for row in planted()):
        return True
    return any(
        audit == finding.audit
        and (routes.startswith("any route") or any(f"`{r}`" in routes for r in finding.routes))
        for routes, audit in true_as_well()
    )


def confusion(diagnosis):
    serious = [one for one in diagnosis.findings if one.severity is not Severity.NOTE]
    due = planted()
    missed = [row for row in due if not any(finds(row, one) for one in diagnosis.findings)]
    wrong = [one for one in serious if not is_true(one)]
    print(f"\nfound {len(due) - len(missed)} of {len(due)}; {len(wrong)} of {len(serious)} wrong")
    for row in missed:
        print(f"missed: {row['audit']} at {row['file']}:{row['line']} ({row['flaw']})")
    for one in wrong:
        print(f"wrong: {one.audit} at {one.place}: {one.title}")
    return missed, wrong


def test_every_planted_flaw_is_found_at_its_line_and_nothing_else_is_said(recording, legacy):
    missed, wrong = confusion(legacy)
    sampled = sampled_us(recording)
    assert [row for row in missed if was_shown(row, legacy, sampled)] == []
    assert wrong == []


def test_both_sides_counted_the_same(legacy):
    assert [one for one in legacy.reconciliations if not one.ok] == []
    assert len(legacy.reconciliations) == 2


def test_the_healthy_twin_has_no_finding_above_a_note(tmp_path):
    diagnosis = diagnose(run("shop", tmp_path, duration_s=8, users=12))
    serious = [one for one in diagnosis.findings if one.severity is not Severity.NOTE]
    assert [(one.audit, str(one.place), one.title) for one in serious] == []
    assert diagnosis.verdict == "healthy"
    assert [one for one in diagnosis.reconciliations if not one.ok] == []
