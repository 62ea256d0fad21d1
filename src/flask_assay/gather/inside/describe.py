"""Write ``app.json``: what the loaded app consists of, shapes and settings, no secrets."""

import inspect
import sys
from typing import Any

from flask_assay.gather.inside.setting_places import setting_places
from flask_assay.routing.extension import flask_sqlalchemy_of

__all__ = ["describe_app"]

_SHOWN_CONFIG = (
    "DEBUG",
    "TESTING",
    "SQLALCHEMY_ECHO",
    "SQLALCHEMY_RECORD_QUERIES",
    "TEMPLATES_AUTO_RELOAD",
    "CACHE_TYPE",
    "SESSION_TYPE",
)


def describe_app(app: Any, project_root: str) -> dict[str, Any]:
    """Return the document ``app.json``.

    Args:
        app: The loaded Flask app.
        project_root: Directory to which file names are made relative.
    """
    engines = _engines(app)
    return {
        "import_name": app.import_name,
        "root_path": app.root_path,
        "project_root": project_root,
        "debug": bool(app.debug),
        "testing": bool(app.testing),
        "routes": [_route(app, rule, project_root) for rule in app.url_map.iter_rules()],
        "engines": engines,
        "setting_places": setting_places(project_root, engines[0] if engines else {}),
        "config": {name: repr(app.config[name]) for name in _SHOWN_CONFIG if name in app.config},
        "extensions": sorted(app.extensions),
    }


def _route(app: Any, rule: Any, project_root: str) -> dict[str, Any]:
    converters = {
        name: type(converter).__name__.removesuffix("Converter").lower()
        for name, converter in rule._converters.items()  # noqa: SLF001 - Werkzeug has no public view of them
    }
    return {
        "rule": rule.rule,
        "endpoint": rule.endpoint,
        "methods": sorted(rule.methods or ()),
        "arguments": {name: converters.get(name, "string") for name in rule.arguments},
        "defaults": sorted(rule.defaults or {}),
        "other_host": _other_host(app, rule),
        "view": _place(app.view_functions.get(rule.endpoint), project_root),
    }


def _other_host(app: Any, rule: Any) -> str:
    """Return the host name that a rule wants of its requests; "" if any will do."""
    if rule.subdomain and rule.subdomain != app.url_map.default_subdomain:
        return f"{rule.subdomain}.{app.config['SERVER_NAME'] or '…'}"
    return rule.host or "" if app.url_map.host_matching else ""


def _place(view: Any, project_root: str) -> dict[str, Any] | None:
    # as_view() names the class on what its decorators made of the view, not within
    function = getattr(view, "view_class", None) or (inspect.unwrap(view) if view else None)
    code = getattr(function, "__code__", None)
    try:
        file = code.co_filename if code else inspect.getsourcefile(function)  # type: ignore[arg-type]
        line = code.co_firstlineno if code else inspect.getsourcelines(function)[1]  # type: ignore[arg-type]
    except (OSError, TypeError):
        return None
    name = getattr(function, "__qualname__", "")
    return {"file": str(file).removeprefix(project_root + "/"), "line": line, "function": name}


def _engines(app: Any) -> list[dict[str, Any]]:
    db = flask_sqlalchemy_of(app)
    if db is None:
        return []
    with app.app_context():
        return [_engine(bind, engine) for bind, engine in _found(db, app).items()]


def _found(db: Any, app: Any) -> dict[Any, Any]:
    if hasattr(db, "engines"):
        return dict(db.engines)
    binds = [None, *(app.config.get("SQLALCHEMY_BINDS") or {})]
    return {bind: db.get_engine(app, bind) for bind in binds}


def _engine(bind: Any, engine: Any) -> dict[str, Any]:
    pool = engine.pool
    size = getattr(pool, "size", None)
    return {
        "bind": bind or "",
        "dialect": engine.dialect.name,
        "driver": engine.dialect.driver,
        "pool_class": type(pool).__name__,
        "pool_size": size() if callable(size) else None,
        "max_overflow": getattr(pool, "_max_overflow", None),
        "timeout_s": getattr(pool, "_timeout", None),
        "python": sys.version.split()[0],
    }
