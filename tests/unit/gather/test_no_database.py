"""An app without a database needs no driver for one."""

import flask

from flask_assay.gather.inside import prepare
from flask_assay.gather.inside.target_plan import TargetPlan
from flask_assay.routing.plan import RoutePlan


def test_where_nothing_states_a_table_and_no_driver_is_there_none_is_asked_for(
    monkeypatch, tmp_path
):
    def refuse(*given, **named):
        raise ModuleNotFoundError("No module named 'psycopg2'")

    monkeypatch.setattr(prepare, "_own_engine", refuse)
    monkeypatch.setattr(prepare, "find_metadata", list)
    monkeypatch.setattr(prepare, "installed_driver", lambda: "driver_that_is_not_there")
    monkeypatch.chdir(tmp_path)
    plan = TargetPlan("app", str(tmp_path), str(tmp_path), RoutePlan("/run", 5432, "owner", "main"))
    app = flask.Flask("hello")
    prepare._make_schema(app, plan)
    prepare._fill(app, plan, {})
    assert list(tmp_path.iterdir()) == []
