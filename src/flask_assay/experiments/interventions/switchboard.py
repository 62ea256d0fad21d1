"""Inside a target of an experiment: each request says which arm it belongs to.

All changes are installed once and lie still; a request wakes those of its arm. So the arms share
one process and its luck, and only what they change is left between them. A change of the
database is a copy that the arm's requests are sent to: each engine gets one more pool per copy.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

__all__ = [
    "ARM_HEADER",
    "SHAPES_HEADER",
    "STATEMENTS_HEADER",
    "WRITES_HEADER",
    "Switchboard",
    "shape_mark",
]

ARM_HEADER = "X-Assay-Arm"
STATEMENTS_HEADER = "X-Assay-Statements"
WRITES_HEADER = "X-Assay-Writes"
SHAPES_HEADER = "X-Assay-Shapes"
_NOTHING: Mapping[str, str] = {}
_ENVIRON_KEY = "HTTP_X_ASSAY_ARM"
_SHAPES_KEY = "HTTP_X_ASSAY_SHAPES"
_MOST_SHAPES = 100
_WRITES = ("insert", "update", "delete", "merge", "copy", "call", "truncate")
_HIDDEN = ("insert into ", "delete from ", "update ")


def shape_mark(shape: str) -> str:
    """Return the short name by which a response tells that a statement of this shape ran.

    Args:
        shape: As ``model.sql_shape`` makes it.
    """
    return hashlib.sha256(shape.encode("utf-8", "replace")).hexdigest()[:16]


@lru_cache(maxsize=4096)
def _is_write(statement: str) -> bool:
    text = statement.lstrip("( \n\t").lower()
    hidden = text.startswith("with") and any(word in text for word in _HIDDEN)
    return hidden or text.startswith(_WRITES)


class _Request:
    """What one request wakes, and what it has executed."""

    __slots__ = ("changes", "databases", "statements", "texts", "writes")

    def __init__(
        self,
        changes: frozenset[int],
        databases: Mapping[str, str],
        texts: Counter[str] | None = None,
    ) -> None:
        self.changes = changes
        self.databases = databases
        self.statements = self.writes = 0
        self.texts = texts

    def headers(self) -> list[tuple[str, str]]:
        """Return what the response tells about it."""
        told = [(STATEMENTS_HEADER, str(self.statements))]
        if self.writes:
            told.append((WRITES_HEADER, str(self.writes)))
        if self.texts is not None:
            told.append((SHAPES_HEADER, _marks(self.texts)))
        return told


def _marks(texts: Counter[str]) -> str:
    """Return "mark=executions" of the most frequent shapes, separated by commas."""
    from flask_assay.model.sql_shape import sql_shape

    shapes: Counter[str] = Counter()
    for text, count in texts.items():
        shapes[shape_mark(sql_shape(text))] += count
    return ",".join(f"{mark}={count}" for mark, count in shapes.most_common(_MOST_SHAPES))


class Switchboard:
    """Decides per request which changes are in force.

    Args:
        arms: Arm → {"changes": numbers of its changes, "databases": name → name of its copy}.
    """

    def __init__(self, arms: Mapping[str, Mapping[str, Any]]) -> None:
        self._arms = {
            name: (frozenset(arm["changes"]), dict(arm["databases"])) for name, arm in arms.items()
        }
        self._current: ContextVar[_Request | None] = ContextVar("assay_arm", default=None)
        self._pools: WeakKeyDictionary[Any, dict[tuple[tuple[str, str], ...], Any]] = (
            WeakKeyDictionary()
        )
        self._restore: list[Callable[[], None]] = []

    def attach(self) -> None:
        """Count statements and switch engines, if SQLAlchemy is installed. Before the import."""
        try:
            from sqlalchemy.engine import Engine
        except ImportError:
            return
        self._count_statements()
        self._switch(Engine)

    def detach(self) -> None:
        """Undo ``attach``; a second call changes nothing."""
        while self._restore:
            self._restore.pop()()

    def is_on(self, number: int) -> Callable[[], bool]:
        """Return a test whether the current request wakes one change."""
        current = self._current

        def is_on() -> bool:
            request = current.get()
            return request is not None and number in request.changes

        return is_on

    def wrap(self, app: Any) -> Callable[[dict[str, Any], Any], Iterable[bytes]]:
        """Return the WSGI app that reads the arm and tells the statements executed."""

        def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            changes, databases = self._arms.get(environ.pop(_ENVIRON_KEY, ""), (frozenset(), {}))
            texts = Counter[str]() if environ.pop(_SHAPES_KEY, "") else None
            request = _Request(changes, databases, texts)
            # stays until the thread's next request: a streamed body belongs to the same arm
            self._current.set(request)

            def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
                return start_response(status, [*headers, *request.headers()], *error)

            found: Iterable[bytes] = app(environ, start)
            return found

        return application

    def _count_statements(self) -> None:
        from sqlalchemy.dialects.postgresql.psycopg2 import PGDialect_psycopg2
        from sqlalchemy.engine.default import DefaultDialect

        for owner in (DefaultDialect, PGDialect_psycopg2):
            for name in ("do_execute", "do_executemany", "do_execute_no_params"):
                if name in vars(owner):
                    self._replace(owner, name, self._counted(vars(owner)[name], name))

    def _counted(self, original: Any, name: str) -> Any:
        current = self._current
        is_many = name == "do_executemany"

        def execute(dialect: Any, cursor: Any, statement: Any, *given: Any, **named: Any) -> Any:
            request = current.get()
            if request is not None:
                request.statements += len(given[0]) if is_many and given else 1
                request.writes += _is_write(str(statement))
                if request.texts is not None:
                    request.texts[str(statement)] += 1
            return original(dialect, cursor, statement, *given, **named)

        return execute

    def _switch(self, engine_class: Any) -> None:
        from sqlalchemy import event

        original = engine_class.raw_connection

        def raw_connection(engine: Any) -> Any:
            databases = self._databases()
            return self._pool(engine.pool, databases).connect() if databases else original(engine)

        self._replace(engine_class, "raw_connection", raw_connection)
        event.listen(engine_class, "do_connect", self._do_connect)
        self._restore.append(lambda: event.remove(engine_class, "do_connect", self._do_connect))

    def _pool(self, pool: Any, databases: Mapping[str, str]) -> Any:
        """Return the pool that stands beside an engine's own for one set of databases."""
        beside = self._pools.setdefault(pool, {})
        key = tuple(sorted(databases.items()))
        if key not in beside:
            beside[key] = pool.recreate()
        return beside[key]

    def _databases(self) -> Mapping[str, str]:
        request = self._current.get()
        return request.databases if request is not None else _NOTHING

    def _do_connect(self, dialect: Any, record: Any, cargs: Any, cparams: Any) -> Any:
        """Open a connection to the arm's copy; what the engine keeps is not changed."""
        databases = self._databases()
        for key in ("dbname", "database"):
            named = cparams.get(key)
            if named in databases:
                return dialect.connect(*cargs, **{**cparams, key: databases[named]})
        return None

    def _replace(self, owner: Any, name: str, value: Any) -> None:
        original = vars(owner)[name]
        setattr(owner, name, value)
        self._restore.append(lambda: setattr(owner, name, original))
