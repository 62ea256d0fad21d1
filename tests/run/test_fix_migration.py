"""``assay fix`` of a missing index: a migration, run on a copy, measured on the patched code."""

import shutil
import subprocess
from pathlib import Path

import pytest
from tests.run.command_rig import PATIENT_S, Command, until_answered

pytestmark = [pytest.mark.load, pytest.mark.slow, pytest.mark.measures]

SHOP = Path(__file__).parents[2] / "examples" / "shop"
INDEX = '    op.create_index(op.f("ix_orders_user_id_id"), "orders", ["user_id", "id"])\n'
READERS = """
from itertools import count

from locust import HttpUser, constant, task

NUMBERS = count(1)

class Reader(HttpUser):
    wait_time = constant(0.01)

    def on_start(self):
        account = {"username": f"user{next(NUMBERS)}", "password": "correct horse"}
        token = self.client.post("/login", json=account).json()["token"]
        self.client.headers["Authorization"] = f"Bearer {token}"

    @task
    def orders(self):
        self.client.get("/orders")
"""
# The shop's own seeds make every row in Python, and a table is worth an index if it is large.
# Those who ask have few orders, so that nothing but the index finds them early.
MANY = """
from sqlalchemy import text

from shop import seeds
from shop.database import db

def seed(scale):
    seeds.seed(scale)
    db.session.execute(text("SET LOCAL statement_timeout = 0"))
    db.session.execute(text(
        "INSERT INTO orders (user_id, status, total_cents, payment_method, created_at) "
        "SELECT 100 + i % 100, 'paid', 100, 'card', now() FROM generate_series(1, 150000) i"))
    db.session.commit()
"""
WANTED = "missing-index:GET /orders"
UNTIL, OPTIONS = until_answered(80, users=2, warm_up_s=1)
SHORT = (
    "--scale", 0.1, "--seed", "many:seed", "--locustfile", "readers.py",
    *OPTIONS,
)  # fmt: skip


def git(project, *words):
    identity = ("-c", "user.name=x", "-c", "user.email=x@example.invalid")
    done = subprocess.run(
        ["git", *identity, *words], cwd=project, check=True, capture_output=True, text=True
    )
    return done.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A repository with the shop, whose orders are found without an index."""
    directory = tmp_path_factory.mktemp("shop") / "project"
    shutil.copytree(SHOP, directory, ignore=shutil.ignore_patterns(".assay", "__pycache__"))
    (migration,) = (directory / "migrations" / "versions").glob("0001_*.py")
    text = migration.read_text()
    assert INDEX in text
    migration.write_text(text.replace(INDEX, ""))
    (directory / "readers.py").write_text(READERS + UNTIL)
    (directory / "many.py").write_text(MANY)
    (directory / ".gitignore").write_text(".assay\n__pycache__\n")
    git(directory, "init", "-q")
    git(directory, "add", "-A")
    git(directory, "commit", "-qm", "one")
    done = assay(directory, "run", "--quick", *SHORT, "--no-experiments")
    assert done.code == 0, done.err
    return directory


def assay(project, *arguments):
    with Command(project, project.parent / "base", arguments, app="shop") as command:
        return command.finish(PATIENT_S)


def versions(project):
    return sorted(path.name for path in (project / "migrations" / "versions").glob("*.py"))


def test_the_migration_is_measured_in_a_worktree_and_written_on_demand(project):
    before = versions(project)
    done = assay(project, "fix", WANTED, *SHORT)
    assert done.code == 0, done.err
    assert "+    op.create_index(" in done.out
    assert "+down_revision = " in done.out
    assert "faster, measured on the patched code" in done.err, done.err
    assert "→" in done.err
    assert git(project, "status", "--porcelain") == ""
    assert versions(project) == before
    assert git(project, "worktree", "list").count("\n") == 1

    done = assay(project, "fix", WANTED, "--no-measure", "--apply")
    assert done.code == 0, done.err
    (added,) = set(versions(project)) - set(before)
    assert git(project, "status", "--porcelain", "-uall").split() == [
        "??", f"migrations/versions/{added}",
    ]  # fmt: skip
