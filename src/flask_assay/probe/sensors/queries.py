"""Queries: each statement that SQLAlchemy sends, at the dialect, where no event slows it down."""

from collections.abc import Callable
from functools import partial
from itertools import islice
from types import ModuleType
from typing import Any

from flask_assay.model.rows import SpanFlag, SpanKind
from flask_assay.probe.compilation import COMPILED
from flask_assay.probe.recorder import MAX_ROWS, Recorder
from flask_assay.probe.statements import Shape
from flask_assay.probe.switch import Switch
from flask_assay.probe.wiring import Sensor, Wiring
from flask_assay.probe.work import CURRENT, Work
from flask_assay.recording.wire import SPAN

__all__ = ["SENSOR"]

_ERROR = int(SpanFlag.ERROR)
_MANY = int(SpanFlag.EXECUTEMANY)
_NEVER = frozenset({"object", "Dialect", "Generic"})  # protocols and roots
_STATEMENTS = frozenset({int(SpanKind.QUERY), int(SpanKind.SAVEPOINT)})
_METHODS = ("do_execute", "do_executemany", "do_execute_no_params", "do_ping")


def _install(wiring: Wiring, module: ModuleType) -> None:
    hooks = _Hooks(wiring)
    base = module.DefaultDialect
    hooks.cover_family(base)

    # Dialects override some of these methods and are imported as late as their engine is made.
    # A hook on __init__ would hide its signature, from which SQLAlchemy learns its arguments.
    def cover_later(_original: Any) -> Any:
        def __init_subclass__(cls: type, /, **kwargs: Any) -> None:  # noqa: N807 - its name
            super(base, cls).__init_subclass__(**kwargs)
            try:
                hooks.cover_class(cls)
            except Exception as error:
                wiring.switch.fail(error)

        return classmethod(__init_subclass__)

    wiring.patches.replace(base, "__init_subclass__", cover_later)


class _Hooks:
    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._covered: set[type] = set()
        self._under_way: set[int] = set()  # cursors: an override may call what it overrides
        self._record = _recording(wiring.recorder, wiring.switch)
        self._makers = {name: getattr(self, f"_{name}") for name in _METHODS}
        self._makers_above = {
            name: partial(self._above, has_parameters=name == "do_execute")
            for name in ("do_execute", "do_execute_no_params")
        }
        if COMPILED is not None:
            compiled = COMPILED.Executions(wiring.recorder, wiring.switch, self._record)
            self._makers["do_execute"] = compiled.do_execute

    def cover_family(self, dialect: type) -> None:
        """Cover a dialect and all that are derived from it so far."""
        self.cover_class(dialect)
        children: list[type] = dialect.__subclasses__()
        for child in children:
            self.cover_family(child)

    def cover_class(self, dialect: type) -> None:
        """Cover a dialect with all that it inherits from; once."""
        if dialect not in self._covered:
            for place, owner in enumerate(dialect.__mro__, 1):
                self._cover(owner, dialect.__mro__[place:])

    def _cover(self, owner: type, above: tuple[type, ...]) -> None:
        if owner in self._covered or owner.__name__ in _NEVER:
            return
        self._covered.add(owner)
        for name in _METHODS:
            if name in vars(owner) and callable(vars(owner)[name]):
                makers = self._makers_above if _is_override(name, above) else self._makers
                self._wiring.patches.replace(owner, name, makers.get(name, self._makers[name]))

    def _do_execute(self, original: Callable[..., Any]) -> Callable[..., Any]:
        switch, clock, record = self._wiring.switch, self._wiring.recorder.clock, self._record

        def do_execute(
            self: Any, cursor: Any, statement: Any, parameters: Any, context: Any = None
        ) -> Any:
            start = 0
            if switch.on:
                try:
                    start = clock()
                except Exception as error:
                    switch.fail(error)
            if not start:
                return original(self, cursor, statement, parameters, context)
            try:
                result = original(self, cursor, statement, parameters, context)
            except BaseException:
                record(cursor, statement, parameters, start, _ERROR, 0)
                raise
            record(cursor, statement, parameters, start, 0, 1)
            return result

        return do_execute

    def _do_executemany(self, original: Callable[..., Any]) -> Callable[..., Any]:
        switch, begin, record = self._wiring.switch, self._wiring.recorder.start, self._record
        under_way = self._under_way

        def do_executemany(
            self: Any, cursor: Any, statement: Any, parameters: Any, context: Any = None
        ) -> Any:
            start = 0 if id(cursor) in under_way else begin(switch)
            if not start:
                return original(self, cursor, statement, parameters, context)
            under_way.add(id(cursor))
            try:
                result = original(self, cursor, statement, parameters, context)
            except BaseException:
                record(cursor, statement, None, start, _ERROR | _MANY, 0)
                raise
            finally:
                under_way.discard(id(cursor))
            record(cursor, statement, None, start, _MANY, len(parameters))
            return result

        return do_executemany

    def _do_execute_no_params(self, original: Callable[..., Any]) -> Callable[..., Any]:
        switch, begin, record = self._wiring.switch, self._wiring.recorder.start, self._record

        def do_execute_no_params(
            self: Any, cursor: Any, statement: Any, context: Any = None
        ) -> Any:
            start = begin(switch)
            if not start:
                return original(self, cursor, statement, context)
            try:
                result = original(self, cursor, statement, context)
            except BaseException:
                record(cursor, statement, None, start, _ERROR, 0)
                raise
            record(cursor, statement, None, start, 0, 1)
            return result

        return do_execute_no_params

    def _above(self, original: Callable[..., Any], *, has_parameters: bool) -> Callable[..., Any]:
        """Return what stands in for an override of ``do_execute`` or ``do_execute_no_params``.

        It may call what it overrides, which records the statement itself. Whether it did is looked
        for here, afterwards, so that the way of every other dialect has nothing to ask.
        """
        switch, begin, record = self._wiring.switch, self._wiring.recorder.start, self._record
        trail = _Trail(self._wiring.recorder, switch)

        def do_execute(self: Any, cursor: Any, statement: Any, *others: Any, **named: Any) -> Any:
            start = begin(switch)
            if not start:
                return original(self, cursor, statement, *others, **named)
            parameters = named.get("parameters")
            if others and has_parameters:
                parameters = others[0]
            passed = trail.follow(cursor, start)
            try:
                result = original(self, cursor, statement, *others, **named)
            except BaseException:
                if not passed():
                    record(cursor, statement, parameters, start, _ERROR, 0)
                raise
            if not passed():
                record(cursor, statement, parameters, start, 0, 1)
            return result

        return do_execute

    def _do_ping(self, original: Callable[..., Any]) -> Callable[..., Any]:
        switch, begin, record = self._wiring.switch, self._wiring.recorder.start, self._record

        def do_ping(self: Any, dbapi_connection: Any) -> Any:
            # Some drivers ping without a statement; those that send one keep its text here.
            statement = getattr(self, "_dialect_specific_select_one", None)
            start = 0 if statement is None else begin(switch)
            if not start:
                return original(self, dbapi_connection)
            try:
                result = original(self, dbapi_connection)
            except BaseException:
                record(dbapi_connection, statement, None, start, _ERROR, 0)
                raise
            record(dbapi_connection, statement, None, start, 0, 1)
            return result

        return do_ping


def _is_override(name: str, above: tuple[type, ...]) -> bool:
    return any(name in vars(one) for one in above if one.__name__ not in _NEVER)


class _Trail:
    """Tells whether a statement has been recorded by what was called meanwhile."""

    def __init__(self, recorder: Recorder, switch: Switch) -> None:
        self._recorder, self._switch = recorder, switch

    def follow(self, cursor: Any, start: int) -> Callable[[], bool]:
        """Return what tells whether a statement on a cursor has been recorded since a moment."""
        work = CURRENT.get()
        if work is None or not work.is_open:
            work = self._recorder.background
        count, dropped = len(work.spans), work.dropped

        def has_passed() -> bool:
            try:
                return work.dropped != dropped or self._is_among(work, count, cursor, start)
            except Exception as error:
                self._switch.fail(error)
                return True

        return has_passed

    def _is_among(self, work: Work, count: int, cursor: Any, start: int) -> bool:
        """Look for it by connection: the background is shared by threads, a connection is not."""
        connection = getattr(cursor, "connection", cursor)
        number = self._recorder.connections.get(id(connection), 0)
        # Those of the background may have been written out meanwhile.
        new = islice(tuple(work.spans), count if len(work.spans) >= count else 0, None)
        return any(
            kind in _STATEMENTS and connection == number and begun >= start
            for kind, _, connection, _, _, _, begun, *_ in map(SPAN.unpack, new)
        )


def _recording(recorder: Recorder, switch: Switch) -> Callable[..., None]:
    """Return the function that writes one execution; what it needs are locals of it, for speed."""
    clock, current, pack = recorder.clock, CURRENT.get, SPAN.pack
    counts, background = recorder.counts, recorder.background
    by_text, learn = recorder.statements.by_text, recorder.statements.learn
    connections, find_site = recorder.connections, recorder.sites.find
    with_sites = recorder.plan.call_sites
    first, every = recorder.plan.call_site_first, recorder.plan.call_site_every

    def record(
        cursor: Any, statement: Any, parameters: Any, start: int, flags: int, executions: int
    ) -> None:
        try:
            wall = clock() - start
            work = current()
            if work is None or not work.is_open:
                work = background
            shape = by_text.get(statement) or learn(statement)
            counts.queries += executions * shape.counted
            site = 0
            if with_sites and shape.wants_site(work.endpoint, first, every):
                site = find_site()
            rows = executions if flags & _MANY else getattr(cursor, "rowcount", -1)
            packed = pack(
                shape.kind,
                flags,
                connections.get(id(getattr(cursor, "connection", cursor)), 0),
                shape.name,
                site,
                _take_detail(work, shape) if work.detail else 0,
                start,
                wall,
                # None: so some drivers say that they do not know
                rows if rows is not None and -1 <= rows <= MAX_ROWS else -1,
                _digest(recorder.salt, statement, parameters),
            )
            spans = work.spans
            if len(spans) < work.cap:
                spans.append(packed)
            else:
                recorder.drop(work)
            if shape.unsaved and executions == 1 and not flags:
                recorder.statements.save_parameters(shape, cursor, statement, parameters)
        except Exception as error:
            switch.fail(error)

    return record


def _take_detail(work: Work, shape: Shape) -> int:
    if not shape.is_select:  # an autoflush runs before the lazy load that caused it
        return 0
    detail, work.detail = work.detail, 0
    return detail


def _digest(salt: bytes, statement: Any, parameters: Any) -> int:
    try:
        if not parameters:
            values = ()
        elif isinstance(parameters, dict):
            values = tuple(parameters.values())
        else:
            values = tuple(parameters)
        found = hash((salt, statement, values))
    except TypeError:  # lists, mappings: compare them as they read
        found = hash((salt, statement, repr(parameters)))
    return found & 0xFFFFFFFF or 1


SENSOR = Sensor("queries", {"sqlalchemy.engine.default": _install})
