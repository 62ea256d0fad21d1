"""Decide what the load is: the user's locustfile, else journeys derived from the routes."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from flask_assay.errors import LoadError
from flask_assay.gather.allotment import steady_s
from flask_assay.gather.lab import Lab
from flask_assay.gather.looks import Looks
from flask_assay.gather.preflight import find_locustfile
from flask_assay.gather.real_rows import Query, sample_rows
from flask_assay.gather.rehearsal import rehearse
from flask_assay.gather.target import Target
from flask_assay.load.journeys import derive
from flask_assay.load.plan import Exchange, Journey, LoadPlan
from flask_assay.recording.directory import read_document, write_document

__all__ = ["plan_load", "signed_in"]

_PATIENCE_S = 40.0  # for the slowest routes, when each is asked once before the load


def plan_load(
    lab: Lab, target: Target, asks: Mapping[str, Query], tables: list[dict[str, Any]]
) -> LoadPlan:
    """Return the load of a run.

    Args:
        lab: Its settings, directories and databases.
        target: Where the load goes.
        asks: Per database of the app: runs SQL there with our own role.
        tables: Of the document ``tables.json``.

    Raises:
        UsageError: If the named locustfile does not exist.
        LoadError: If there is no locustfile and no route can be called.
    """
    settings = lab.settings
    locustfile = find_locustfile(settings)
    journeys = () if locustfile else _journeys(lab, target, asks, tables)
    rate = settings.number("rate")
    return LoadPlan(
        recording_dir=lab.recording,
        work_dir=lab.run.private,
        target=target.address,
        project_root=Path.cwd(),
        private_dir=lab.run.private,
        locustfile=locustfile,
        journeys=journeys,
        users=settings.integer("users"),
        model="open" if rate else "closed",
        rate=rate or None,
        arrivals="poisson",
        warm_up_s=settings.number("warm_up_s"),
        steady_s=steady_s(lab),
        # in the open model arrivals are settled before; a limited run has no time to give
        reach_s=0.0 if rate or lab.deadline is not None else settings.number("duration_s"),
        drain_s=settings.number("drain_s"),
        seed=settings.integer("random_seed"),
    )


def _journeys(
    lab: Lab, target: Target, asks: Mapping[str, Query], tables: list[dict[str, Any]]
) -> tuple[Journey, ...]:
    app = read_document(lab.recording, "app", {})
    assert isinstance(app, dict)
    derived = derive(app.get("routes", []), sample_rows(asks, tables))
    asked = signed_in(derived.journeys, lab.run.private)
    patience_s = _PATIENCE_S if lab.deadline is None else 0.0
    looks = Looks(lab.recording, lab.run.private)
    try:
        journeys, faults = rehearse(asked, target.address, patience_s, looks=looks)
    finally:
        looks.close()
    left_out = {each.route: each.reason for each in derived.skipped} | faults
    routes = [{"route": route, "reason": reason} for route, reason in left_out.items()]
    write_document(lab.recording, "left-out-routes", {"routes": routes})
    if not journeys:
        reasons = "\n".join(f"  {route}: {reason}" for route, reason in left_out.items())
        raise LoadError(
            "no route of the app can be called without a locustfile",
            why=reasons or "The app has no routes.",
            todo="Write a locustfile.py, or fill the database by a seed hook.",
        )
    return journeys


def signed_in(journeys: tuple[Journey, ...], private: Path) -> tuple[Journey, ...]:
    """Give the headers of signed-in users to the exchanges in turn, if there is a login hook.

    Not always the same user goes first, and none meets every second row only.
    """
    path = private / "identities.json"
    if not path.is_file():
        return journeys
    identities = json.loads(path.read_text(encoding="utf-8"))
    count = len(identities)
    return tuple(
        replace(
            journey,
            exchanges=tuple(
                replace(exchange, headers={**exchange.headers, **identity})
                for number, exchange in enumerate(_at_least(journey.exchanges, count))
                for identity in [identities[(turn + number + number // count) % count]]
            ),
        )
        for turn, journey in enumerate(journeys)
    )


def _at_least(exchanges: tuple[Exchange, ...], count: int) -> tuple[Exchange, ...]:
    """Repeat the exchanges until every identity gets one."""
    return exchanges * -(-count // len(exchanges)) if len(exchanges) < count else exchanges
