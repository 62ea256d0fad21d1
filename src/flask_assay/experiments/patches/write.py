"""Choose how a remedy becomes code."""

from collections.abc import Mapping
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
    """Return the code of a remedy.

    Args:
        root: The project.
        finding: What it remedies.
        remedy: Which of its remedies.
        app: The document ``app.json``.

    Raises:
        UsageError: If the place is not certain, or such a remedy needs a person.
    """
    if remedy.intervention == "index":
        if index.has_migrations(root):
            return index.patch(root, remedy.parameters)
        return model_index.patch(root, remedy.parameters)
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


def _places(finding: Finding, app: Mapping[str, object]) -> tuple[Place, ...]:
    """Return where the loads happen, then the views of the routes concerned."""
    found = [finding.place] if finding.place else []
    routes = app.get("routes")
    for each in routes if isinstance(routes, list) else []:
        view = each.get("view")
        labels = {f"{method} {each['rule']}" for method in each["methods"]}
        if view and labels & set(finding.routes):
            found.append(Place(view["file"], view["line"], view["function"]))
    return tuple(found)
