"""A schema that is only changed is changed where it is, whatever the app's URL is in a worktree."""

import pytest
from sqlalchemy.engine import make_url

from flask_assay.gather.inside import prepare
from flask_assay.gather.inside.target_plan import TargetPlan
from flask_assay.routing.engines import url_key
from flask_assay.routing.plan import RoutePlan

THERE = make_url("sqlite:////project/instance/app.db")
HERE = make_url("sqlite:////worktree/instance/app.db")


@pytest.mark.parametrize(
    ("schema", "database"),
    [("patch", "main"), ("indexes", "main"), ("stamp", "main"), ("auto", "new")],
)
def test_no_database_is_made_for_a_file_that_lies_in_a_worktree(monkeypatch, schema, database):
    monkeypatch.setattr(prepare, "_create_database", lambda key, route: "new")
    route = RoutePlan("/run", 5432, "owner", "main", further={url_key(THERE): "main"})
    plan = TargetPlan("app", "/worktree", "/recording", route, schema=schema)
    routed, _ = prepare._router(plan).routed(HERE, {})
    assert routed.database == database
