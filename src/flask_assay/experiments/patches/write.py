"""Choose how a remedy becomes code."""

import ast
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from flask_assay.errors import UsageError
from flask_assay.experiments.patches import (
    eager_load,
    index,
    model_index,
    pool_size,
    response_cache,
)
from flask_assay.experiments.patches.patch import Patch
from flask_assay.model.finding import Finding, Place, Remedy

__all__ = ["write_patch"]


def write_patch(root: Path, finding: Finding, remedy: Remedy, app: Mapping[str, object]) -> Patch:
    """Return the code of a remedy; no file is touched.

    Args:
        root: The project.
        finding: What it remedies.
        remedy: Which of its remedies.
        app: The document ``app.json``.

    Raises:
        UsageError: If the place is not certain, or such a remedy needs a person.
    """
    made = _write(root, finding, remedy, app)
    for part in made.parts:
        _check(part)
    return made


def _write(root: Path, finding: Finding, remedy: Remedy, app: Mapping[str, object]) -> Patch:
    if remedy.intervention == "index":
        if not index.has_migrations(root):
            return model_index.patch(root, remedy.parameters)
        migration = index.patch(root, remedy.parameters)
        models, note = model_index.beside_migration(root, remedy.parameters)
        return replace(migration, also=models, note=note)
    if remedy.intervention == "eager-load":
        return eager_load.patch(root, remedy.parameters, _places(finding, app))
    if remedy.intervention == "response-cache":
        return response_cache.patch(root, remedy.parameters, app)
    if remedy.intervention == "pool-size":
        places = app.get("setting_places")
        return pool_size.patch(root, remedy.parameters, places if isinstance(places, dict) else {})
    raise UsageError(
        f"a remedy of kind {remedy.intervention!r} needs a person: {remedy.summary}",
        why=remedy.snippet,
        todo="The report shows the code to start from.",
    )


def _check(part: Patch) -> None:
    """Refuse what is no Python, whatever the reason: a broken file is worse than none."""
    try:
        ast.parse(part.after)
    except SyntaxError as error:
        raise UsageError(
            f"{part.file} is laid out in a way that the patch would break (line {error.lineno})",
            todo="The report shows the code to start from.",
        ) from error


def _places(finding: Finding, app: Mapping[str, object]) -> tuple[Place, ...]:
    """Return where the loads happen, then the views of the routes concerned."""
    found = [finding.place] if finding.place else []
    routes = app.get("routes")
    for each in routes if isinstance(routes, list) else []:
        view = each.get("view")
        labels = {f"{method} {each['rule']}" for method in each["methods"]}
        if view and labels & set(finding.routes):
            found.append(Place(view["file"], view["line"], view["function"]))
            # of a class, the method that answers
            names = {label.partition(" ")[0].lower() for label in labels & set(finding.routes)}
            found += (
                Place(view["file"], view["line"], f"{view['function']}.{name}")
                for name in sorted(names)
            )
    return tuple(found)
