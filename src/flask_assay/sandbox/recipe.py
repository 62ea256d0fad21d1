"""What a template is made of: the app, its schema, its base data, and the hash of all that."""

import ast
import contextlib
import hashlib
import importlib
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask_assay.errors import TargetError, UsageError
from flask_assay.routing.extension import flask_sqlalchemy_of
from flask_assay.routing.schemas import schemas_are_made
from flask_assay.sandbox.foreign_engines import placeholder_url
from flask_assay.sandbox.named import load_object, told

__all__ = ["Recipe"]

FORMAT = "4"
"""Changes whenever what is stored with a template does."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a project's template is made; each text is "module:attribute".

    Attributes:
        app: An app, a factory without required arguments, or a call of one with literal
            arguments, such as ``shop:create_app("TestingConfig")``; "" for none.
        schema: "auto" (migrations if there are any, else ``create_all``), "none" (the suite
            makes its own), or a callable.
        seed: A callable that adds base data; "" for none.
        clean: A callable that removes what migrations leave and no test expects; "" for none.
    """

    app: str = ""
    schema: str = "auto"
    seed: str = ""
    clean: str = ""

    def load_app(self, imported: Callable[[], None] = lambda: None) -> Any:
        """Return the app, or None.

        Args:
            imported: Called between the import of its module and the call of its factory.

        Raises:
            TargetError: It cannot be imported or made.
        """
        if not self.app:
            return None
        path, arguments, named = _call_in(self.app)
        found = load_object(path, "assay_app")
        imported()
        if hasattr(found, "test_client"):
            return found
        try:
            return found(*arguments, **named)
        except (Exception, SystemExit) as error:
            raise TargetError(
                f"assay_app: {self.app} failed: {told(error)}",
                why="The app is made once to learn its schema.",
                todo="Name a factory that works without arguments, or write its arguments as "
                'literals: shop:create_app("TestingConfig").',
            ) from error

    def digest(self, app: Any) -> str:
        """Return a hash of everything that the template depends on."""
        hasher = hashlib.sha256(FORMAT.encode())
        for part in self._parts(app):
            hasher.update(part)
            hasher.update(b"\0")
        return hasher.hexdigest()[:16]

    def _parts(self, app: Any) -> Iterator[bytes]:
        yield repr(self).encode()
        for directory in _migrations(app):
            for path in sorted(directory.rglob("*.py")):
                yield path.name.encode()
                yield path.read_bytes()
        for metadata in _metadatas(app):
            yield from _ddl(metadata)
        for text in (self.schema, self.seed, self.clean):
            if ":" in text:
                yield _source(load_object(text, "assay_schema, assay_seed or assay_clean"))

    def known_names(self, app: Any) -> frozenset[str]:
        """Return the tables and indexes, in lower case, that `digest` is about."""
        tables = [table for one in _metadatas(app) for table in one.tables.values()]
        names = [table.name for table in tables]
        names += [str(index.name) for table in tables for index in table.indexes]
        names += ["alembic_version"] if _migrations(app) else []
        return frozenset(name.lower() for name in names)

    def build(self, app: Any) -> None:
        """Make schema and base data; every connection must lead to the template already.

        Raises:
            TargetError: A step failed; the message says which.
        """
        with app.app_context() if app is not None else contextlib.nullcontext():
            with _step("configure the mappers"):
                _configure_mappers()
            with _step(f"make the schema ({self.schema})"):
                self._make_schema(app)
            for name, text in (("clean", self.clean), ("seed", self.seed)):
                if text:
                    with _step(f"{name} ({text})"):
                        _call(load_object(text, f"assay_{name}"), app)
            _close_sessions(app)

    def _make_schema(self, app: Any) -> None:
        if ":" in self.schema:
            _call(load_object(self.schema, "assay_schema"), app)
        elif self.schema == "auto" and app is not None:
            directories = _migrations(app)
            if directories:
                importlib.import_module("flask_migrate").upgrade(directory=str(directories[0]))
            else:
                _create_all(app)


def _create_all(app: Any) -> None:
    database = flask_sqlalchemy_of(app)
    with schemas_are_made():
        if hasattr(database, "create_all"):
            database.create_all()
        elif not Path("alembic.ini").is_file():  # else the suite upgrades, or names what does
            _create_declared(_metadatas(app))


def _create_declared(metadatas: list[Any]) -> None:
    """Create the tables of an app whose engines we do not know, where all of them lead."""
    import sqlalchemy

    filled = [metadata for metadata in metadatas if metadata.tables]
    if filled:
        engine = sqlalchemy.create_engine(placeholder_url())
        for metadata in filled:
            metadata.create_all(engine)
        engine.dispose()


@contextlib.contextmanager
def _step(what: str) -> Iterator[None]:
    try:
        yield
    except (Exception, SystemExit) as error:  # Flask-Migrate exits where it finds no migrations
        raise TargetError(
            f"the test template could not be built: {what}: {told(error)}",
            why="Every test starts from a copy of one database, which is built once.",
            todo="Run the same step against an empty PostgreSQL database to see it fail alone.",
        ) from error


def _call_in(text: str) -> tuple[str, list[Any], dict[str, Any]]:
    """Split a call with literal arguments, as ``flask --app`` takes it too.

    Example:
        >>> _call_in('shop:create_app("TestingConfig", debug=True)')
        ('shop:create_app', ['TestingConfig'], {'debug': True})
    """
    module, _, rest = text.partition(":")
    path, bracket, _ = rest.partition("(")
    if not bracket:
        return text, [], {}
    try:
        call = ast.parse(rest.strip(), mode="eval").body
        if not isinstance(call, ast.Call):
            raise SyntaxError("it is no call")  # noqa: TRY301, TRY004 - told with the others
        arguments = [ast.literal_eval(one) for one in call.args]
        named = {str(one.arg): ast.literal_eval(one.value) for one in call.keywords}
    except (SyntaxError, ValueError) as error:
        raise UsageError(
            f"assay_app = {text}: {error}",
            why="Arguments are literals, as in flask --app.",
            todo='Write it as shop:create_app("TestingConfig"), or name a factory of the suite.',
        ) from error
    return f"{module}:{path.strip()}", arguments, named


def _call(function: Callable[..., Any], app: Any) -> None:
    """Call a step with the app if it takes one argument."""
    required = [
        one
        for one in inspect.signature(function).parameters.values()
        if one.default is one.empty and one.kind is one.POSITIONAL_OR_KEYWORD
    ]
    function(*([app] if required else []))


def _source(function: Any) -> bytes:
    path = inspect.getsourcefile(inspect.unwrap(function))
    return Path(path).read_bytes() if path else repr(function).encode()


def _migrations(app: Any) -> list[Path]:
    extension = app.extensions.get("migrate") if app is not None else None
    directory = getattr(extension, "directory", None)
    if directory is None:
        return []
    for path in (
        Path(directory),
        Path(app.root_path) / directory,
        Path(app.root_path).parent / directory,
    ):
        if (path / "versions").is_dir():
            return [path]
    return []


def _metadatas(app: Any) -> list[Any]:
    database = flask_sqlalchemy_of(app)
    many = getattr(database, "metadatas", None)
    if many:
        return [many[key] for key in sorted(many, key=str)]
    one = getattr(database, "metadata", None)
    return [one] if one is not None else _declared()


def _declared() -> list[Any]:
    """Return what mapped classes declare, for apps whose extension we do not know."""
    from sqlalchemy.orm import mapperlib

    registries: set[Any] = getattr(mapperlib, "_all_registries", set)()
    found = {id(one.metadata): one.metadata for one in registries}
    return sorted(found.values(), key=lambda one: sorted(one.tables))


def _ddl(metadata: Any) -> Iterator[bytes]:
    from sqlalchemy import Enum
    from sqlalchemy.dialects import postgresql
    from sqlalchemy.schema import CreateIndex, CreateTable

    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's own
    for _, table in sorted(metadata.tables.items()):  # cyclic foreign keys have no other order
        try:
            yield str(CreateTable(table).compile(dialect=dialect)).encode()
            for column in table.columns:
                if isinstance(column.type, Enum):  # CREATE TABLE names it without its values
                    yield repr(column.type.enums).encode()
            for index in sorted(table.indexes, key=lambda one: str(one.name)):
                yield str(CreateIndex(index).compile(dialect=dialect)).encode()
        except Exception as error:  # noqa: BLE001 - types that only a connection can compile
            yield f"{table!r} {error}".encode()
    for name in ("before_create", "after_create"):
        for listener in getattr(metadata.dispatch, name, ()):
            yield repr(getattr(listener, "__qualname__", type(listener))).encode()


def _configure_mappers() -> None:
    from sqlalchemy.orm import configure_mappers

    configure_mappers()


def _close_sessions(app: Any) -> None:
    session = getattr(flask_sqlalchemy_of(app), "session", None)
    if session is not None and hasattr(session, "remove"):
        session.remove()
