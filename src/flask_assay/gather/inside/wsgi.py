"""The WSGI app that Gunicorn serves: the user's, with routing, probe and interventions in place.

Importing this module loads the user's app, once per worker (or once in the master with
``preload_app``), because that is when Gunicorn imports it.
"""

from importlib import import_module
from typing import Any

from flask_assay.gather.inside.loading import attach_routing, load_app, reachable
from flask_assay.gather.inside.target_plan import TargetPlan
from flask_assay.routing.engines import EngineRouter

__all__ = ["application"]


def _load() -> Any:
    plan = TargetPlan.read()
    attach_routing(plan, EngineRouter(plan.route))
    if plan.probe is not None:
        from flask_assay import probe
        from flask_assay.probe.plan import ProbePlan

        probe.attach(ProbePlan.from_json(plan.probe))
    changes = [(_intervention(name), values) for name, values in plan.interventions]
    for change, values in changes:
        if hasattr(change, "before_import"):
            change.before_import(values)
    return _with_arms(plan, changes) if plan.arms else _with_all(plan, changes)


def _with_all(plan: TargetPlan, changes: list[tuple[Any, dict[str, Any]]]) -> Any:
    app = reachable(load_app(plan))
    for change, values in changes:
        if hasattr(change, "apply"):
            change.apply(app, values)
    return app


def _with_arms(plan: TargetPlan, changes: list[tuple[Any, dict[str, Any]]]) -> Any:
    """Return the app in which each request wakes the changes of its arm."""
    switchboard = _intervention("switchboard").Switchboard(plan.arms)
    switchboard.attach()
    app = reachable(load_app(plan))
    for number, (change, values) in enumerate(changes):
        if hasattr(change, "apply"):
            change.apply(app, values, switchboard.is_on(number))
    return switchboard.wrap(app)


def _intervention(name: str) -> Any:
    """Return a module of interventions; by name, as only experiments may know them."""
    return import_module(f"flask_assay.experiments.interventions.{name.replace('-', '_')}")


application = _load()
