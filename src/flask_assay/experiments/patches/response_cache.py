"""Put Flask-Caching's decorator on a view, where the project has a cache of it."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

from flask_assay.errors import UsageError
from flask_assay.experiments.patches.imports import with_import
from flask_assay.experiments.patches.patch import Patch
from flask_assay.experiments.patches.sources import (
    function_at,
    line_end,
    lines_of,
    python_files,
    read_source,
)
from flask_assay.model.finding import Place

__all__ = ["patch"]

_CACHING = frozenset({"cached", "memoize"})


def patch(root: Path, parameters: Mapping[str, object], app: Mapping[str, object]) -> Patch:
    """Return the patch.

    Args:
        root: The project.
        parameters: "endpoint", "ttl_s" and "per_identity".
        app: The document ``app.json``, which says where the endpoint's view is.

    Raises:
        UsageError: If the place is not certain, or the key needs the user, whom only the app knows.
    """
    endpoint, seconds = str(parameters["endpoint"]), float(str(parameters["ttl_s"]))
    wanted = f"@cache.cached(timeout={seconds:g}, query_string=True)"
    if parameters.get("per_identity"):
        raise _uncertain("the answer depends on who asks, and the key has to say it", wanted)
    caches = list(_caches(root))
    if len(caches) != 1:
        raise _uncertain(f"the project has {len(caches)} Flask-Caching objects", wanted)
    module, name = caches[0]
    view = _view(app, endpoint)
    file = root / str(view.get("file", ""))
    if file.suffix != ".py" or not file.is_file():
        raise _uncertain(f"the view of {endpoint} is not in the project", wanted)
    name_of_file = file.relative_to(root).as_posix()
    source = read_source(file, name_of_file)
    text = source.text
    place = Place(name_of_file, int(str(view["line"])), str(view.get("function", "")))
    function = function_at(source.tree, place)
    if not isinstance(function, ast.FunctionDef):
        raise _uncertain(f"the view of {endpoint} is no plain function", wanted)
    if any(
        isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute)
        and each.func.attr in _CACHING
        for each in function.decorator_list
    ):  # fmt: skip
        raise _uncertain(f"{function.name} is cached already", wanted)
    lines = lines_of(text)
    decorator = f"@{name}.cached(timeout={seconds:g}, query_string=True){line_end(text)}"
    lines.insert(function.lineno - 1, " " * function.col_offset + decorator)
    after = "".join(lines)
    is_own = _module(file, root) == module
    return Patch(
        name_of_file, text,
        after if is_own else _imported(after, module, name, wanted),
        encoding=source.encoding,
    )  # fmt: skip


def _caches(root: Path) -> Iterator[tuple[str, str]]:
    """Yield module and name of each global that is made by calling ``Cache``."""
    for source in python_files(root):
        for node in source.tree.body:
            value = node.value if isinstance(node, ast.Assign) else None
            if isinstance(value, ast.Call) and ast.unparse(value.func).endswith("Cache"):
                target = node.targets[0]  # type: ignore[attr-defined]
                if isinstance(target, ast.Name) and _is_flask_caching(source.tree):
                    yield _module(source.path, root), target.id


def _is_flask_caching(tree: ast.Module) -> bool:
    return any(
        (isinstance(node, ast.ImportFrom) and node.module == "flask_caching")
        or (isinstance(node, ast.Import) and any(n.name == "flask_caching" for n in node.names))
        for node in tree.body
    )


def _module(path: Path, root: Path) -> str:
    parts = list(path.relative_to(root).with_suffix("").parts)
    if parts[0] == "src":
        del parts[0]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _view(app: Mapping[str, object], endpoint: str) -> Mapping[str, object]:
    routes = app.get("routes")
    for each in routes if isinstance(routes, list) else []:
        if each.get("endpoint") == endpoint and isinstance(each.get("view"), dict):
            return dict(each["view"])
    return {}


def _imported(text: str, module: str, name: str, wanted: str) -> str:
    """Return the text with the cache at hand; refuse where the name is another thing's."""
    for node in ast.parse(text).body:
        names = node.names if isinstance(node, ast.Import | ast.ImportFrom) else []
        for alias in names:
            if (alias.asname or alias.name) == name:
                source = getattr(node, "module", "") or ""
                if source and module.endswith(source):
                    return text
                raise _uncertain(f"{name} is another thing in the view's module", wanted)
    return with_import(text, module, name)


def _uncertain(what: str, wanted: str) -> UsageError:
    return UsageError(
        f"the place of the cache is not certain: {what}",
        todo=f"Start from {wanted} on the view, below its route.",
    )
