"""Decide what the load is: the user's locustfile, else journeys derived from the routes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

from flask_assay.errors import LoadError
from flask_assay.gather.allotment import steady_s
from flask_assay.gather.lab import Lab
from flask_assay.gather.looks import Looks
from flask_assay.gather.preflight import find_locustfile
from flask_assay.gather.real_rows import Query, Sample, own_rows, sample_rows
from flask_assay.gather.rehearsal import rehearse
from flask_assay.gather.target import Target
from flask_assay.load.journeys import derive
from flask_assay.load.plan import Exchange, Journey, LoadPlan
from flask_assay.recording.directory import read_document, write_document

__all__ = ["own_requests", "plan_load", "signed_in"]

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
    routes, sample, private = app.get("routes", []), sample_rows(asks, tables), lab.run.private
    derived = derive(routes, sample)
    asked = signed_in(derived.journeys, private)
    own = own_requests(routes, sample, own_rows(asks, tables, _users(private)), private)
    patience_s = _PATIENCE_S if lab.deadline is None else 0.0
    looks = Looks(lab.recording, lab.run.private)
    try:
        journeys, faults = rehearse(asked, target.address, patience_s, own=own, looks=looks)
    finally:
        looks.close()
    left_out = {each.route: each.reason for each in derived.skipped} | faults
    without = [{"route": route, "reason": reason} for route, reason in left_out.items()]
    write_document(lab.recording, "left-out-routes", {"routes": without})
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
    identities = _kept(private, "identities")
    if not identities:
        return journeys
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


def own_requests(
    routes: Sequence[Mapping[str, Any]], sample: Sample, own: Sequence[Sample], private: Path
) -> dict[str, tuple[Exchange, ...]]:
    """Return name of a journey → requests by which users ask for rows of their own, in turn.

    Args:
        routes: Of the document ``app.json``.
        sample: Rows of anybody.
        own: Per signed-in user the tables of which some rows are the user's.
        private: Where the headers of the users are.
    """
    found: dict[str, list[list[Exchange]]] = {}
    for headers, rows in zip(_kept(private, "identities"), own, strict=False):
        if not rows:
            continue
        anybodys = {each.name: each.exchanges for each in derive(routes, sample).journeys}
        for journey in derive(routes, {**sample, **rows}).journeys:
            if journey.exchanges != anybodys.get(journey.name):
                asked = [replace(each, headers=headers) for each in journey.exchanges]
                found.setdefault(journey.name, []).append(asked)
    return {
        name: tuple(each for turn in zip_longest(*users) for each in turn if each is not None)
        for name, users in found.items()
    }


def _users(private: Path) -> list[list[list[str]]]:
    """Return per signed-in user the rows that were loaded to sign in."""
    return _kept(private, "identity-rows")


def _kept(private: Path, name: str) -> list[Any]:
    path = private / f"{name}.json"
    kept: list[Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    return kept


def _at_least(exchanges: tuple[Exchange, ...], count: int) -> tuple[Exchange, ...]:
    """Repeat the exchanges until every identity gets one."""
    return exchanges * -(-count // len(exchanges)) if len(exchanges) < count else exchanges
