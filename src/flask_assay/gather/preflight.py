"""What can be seen to be wrong before any server starts."""

from collections.abc import Callable
from pathlib import Path

from flask_assay.config.resolve import Settings
from flask_assay.errors import UsageError
from flask_assay.load.lint import require_usable

__all__ = ["find_gunicorn_config", "find_locustfile", "require_runnable"]

_SCHEMAS = ("auto", "alembic", "create_all", "none")
_APP_FILES = ("wsgi.py", "app.py")
_HOOKS = ("seed", "services", "login")


def require_runnable(app: str, settings: Settings) -> None:
    """Check what the user gave, as far as that is possible without running it.

    Raises:
        UsageError: With the first thing that is wrong.
    """
    _require_app(app, Path.cwd())
    for name in _HOOKS:
        _require_hook(name, settings.text(name))
    schema = settings.text("schema")
    if schema not in _SCHEMAS:
        _require_hook("schema", schema, f"one of {', '.join(_SCHEMAS)}, or ")
    locustfile = find_locustfile(settings)
    if locustfile is not None:
        require_usable(locustfile)
    config = find_gunicorn_config(settings)
    if config is not None:
        _require_python(config)


def _require_app(app: str, directory: Path) -> None:
    if not app and not any((directory / name).is_file() for name in _APP_FILES):
        raise UsageError(
            "no app was named",
            why=f"There is no {' and no '.join(_APP_FILES)} in {directory}, where Flask looks "
            "for one.",
            todo="flask --app shop assay run, or set FLASK_APP.",
        )


def _require_hook(name: str, spec: str, before: str = "") -> None:
    module, colon, function = spec.partition(":")
    if spec and not (colon and module and function):
        raise UsageError(
            f"{name} = {spec!r} is not {before}of the form module:function",
            why="The hook is imported from the directory in which the run was started.",
            todo=f'For example: {name} = "shop.assay:{name}".',
        )


def find_locustfile(settings: Settings) -> Path | None:
    """Return the user's locustfile; None if there is none and none was named.

    Raises:
        UsageError: If the named one does not exist.
    """
    return _find(
        settings,
        "locustfile",
        "locustfile.py",
        "Name an existing locustfile, or leave the setting out: the load is then "
        "derived from the app's routes.",
    )


def find_gunicorn_config(settings: Settings) -> Path | None:
    """Return the user's Gunicorn config file; None if there is none and none was named.

    Raises:
        UsageError: If the named one does not exist.
    """
    todo = "Name a Gunicorn config file, or leave the setting out."
    return _find(settings, "gunicorn_config", "gunicorn.conf.py", todo)


def _find(settings: Settings, name: str, default: str, todo: str) -> Path | None:
    named = settings.text(name)
    if not named:
        path = Path.cwd() / default
        return path if path.is_file() else None
    base = settings.project if settings.origins[name] == "pyproject.toml" else Path.cwd()
    path = (base / named).resolve()
    if not path.is_file():
        raise UsageError(f"{name} = {named!r}: no such file", why=f"Looked for {path}.", todo=todo)
    return path


def _require_python(path: Path, parse: Callable[..., object] = compile) -> None:
    try:
        parse(path.read_bytes(), str(path), "exec")
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", 1)
        raise UsageError(
            f"{path.name}:{line}: {getattr(error, 'msg', error)}",
            why="The Gunicorn config file is Python, and this is none.",
            todo="Mend it, or name another with gunicorn_config.",
        ) from error
