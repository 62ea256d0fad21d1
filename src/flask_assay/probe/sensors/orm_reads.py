"""ORM reads: which line made the ORM load which rows, and which of their attributes were read.

Deep: each read of an attribute costs, so it belongs to the learning pass and never to a timed one.
An option on each statement travels with the objects that it loads, so a lazy load knows the
statement that its parents came from, however late and from whose code it runs.
"""

import atexit
import os
from collections.abc import Callable
from types import ModuleType
from typing import Any

from flask_assay.model.rows import NO_USER_FRAME
from flask_assay.probe.call_sites import FOREIGN, CallSites
from flask_assay.probe.learned import Ledger, Loaded, Source, note_columns
from flask_assay.probe.recorder import Recorder
from flask_assay.probe.wiring import Sensor, Wiring
from flask_assay.probe.work import CURRENT
from flask_assay.recording.directory import write_document

__all__ = ["SENSOR", "UNSEEN_READER"]

UNSEEN_READER = "(encoder)"  # among the files of a class whose objects an encoder may take apart
_PAST_ATTRIBUTES = frozenset(
    {"orjson", "msgspec"}
)  # they read dataclasses without their attributes
_SOURCE = "flask_assay_source"  # execution option of a statement
_LOADED = "_assay_loaded"  # attribute of an object's state
_REQUEST = "flask_assay.learned"  # of a WSGI environment


class _Learning:
    """The hooks, and what they learned."""

    def __init__(self, wiring: Wiring) -> None:
        self._recorder: Recorder = wiring.recorder
        self._switch = wiring.switch
        self._sites: list[str] = []
        self._finder = CallSites(self._recorder.plan.project_root, self._add_site)
        self._columns: dict[type, tuple[str, ...]] = {}
        self._origin_option: Any = None
        self.ledger = Ledger()
        atexit.register(self.write)
        wiring.patches.on_restore(self.write)
        wiring.patches.on_restore(lambda: atexit.unregister(self.write))

    def _add_site(self, text: str) -> int:
        self._sites.append(text)
        return len(self._sites) - 1

    def write(self) -> None:
        """Write what was learned; nothing if nothing was."""
        found = self.ledger.as_dict()
        if found["requests"]:
            directory = self._recorder.plan.recording_dir
            write_document(directory, f"learned-{os.getpid()}", found)

    def guarded(self, hook: Callable[..., None]) -> Callable[..., None]:
        """Return a listener whose failure turns the sensor off and changes nothing else."""

        def listen(*args: Any, **_kwargs: Any) -> None:
            if self._switch.on:
                try:
                    hook(*args)
                except Exception as error:
                    self._switch.fail(error)

        return listen

    def use_option(self, base: type) -> None:
        """Make the class of the option that travels with objects."""

        class Origin(base):  # type: ignore[misc]  # SQLAlchemy's, known once the app imported it
            propagate_to_loaders = True

        self._origin_option = Origin

    def is_ours(self, option: Any) -> bool:
        """Whether an option is the one that travels with objects."""
        return isinstance(option, self._origin_option)

    def on_execute(self, state: Any) -> None:
        """Mark a statement of the ORM with what made it run."""
        request, route = self._request()
        if not state.is_select or request is None or state.is_column_load:
            return
        site = self._sites[self._finder.find()]
        if not state.is_relationship_load:
            source = Source(route, "query", site, site)
            state.statement = state.statement.options(self._origin_option(source))
        else:
            root = self._origin(state.user_defined_options)
            origin = root.site if root is not None else NO_USER_FRAME
            path = _names(state.loader_strategy_path)
            if state.lazy_loaded_from is not None:
                source = Source(route, "lazy", site, origin)
                self.ledger.note_lazy(source, path)
            else:
                source = Source(route, "eager", origin, origin)
                self.ledger.note_eager(source, path)
        state.update_execution_options(**{_SOURCE: source})

    def _origin(self, options: Any) -> Source | None:
        for option in options or ():
            if self.is_ours(option):
                source: Source = option.payload
                return source
        return None

    def on_load(self, instance: Any, context: Any) -> None:
        """Count an object that was loaded."""
        request, _ = self._request()
        source = context.execution_options.get(_SOURCE)
        if source is None or request is None:
            return
        state = instance._sa_instance_state
        path = _names(state.load_path)
        if path and source.kind == "query":  # joined: its rows come in the same result
            source = Source(source.route, "eager", source.site, source.origin)
        entity = type(instance)
        group = self.ledger.load(source, path, entity, request)
        if group is None:
            return
        if entity not in self._columns:
            self._columns[entity] = tuple(each.key for each in state.mapper.column_attrs)
        if group.instance_count == 1:
            group.files = self._files(entity)
        note_columns(group, self._columns[entity], instance.__dict__)
        state.__dict__[_LOADED] = Loaded(group)

    def _files(self, entity: type) -> tuple[str, ...]:
        """Return the user's files in which a class and its bases are written."""
        from sys import modules

        found = []
        if hasattr(entity, "__dataclass_fields__") and _PAST_ATTRIBUTES & modules.keys():
            found.append(UNSEEN_READER)
        for base in entity.__mro__:
            file = getattr(modules.get(base.__module__), "__file__", None)
            if file and self._finder.kind(file) != FOREIGN:
                found.append(self._finder.relative(file))
        return tuple(dict.fromkeys(found))

    def on_flush(self, session: Any, _context: Any, _instances: Any) -> None:
        """Count as used what a flush writes, deletes or refers to."""
        for instance in session.deleted:
            _use(instance)
        for instance in (*session.new, *session.dirty):
            values = instance.__dict__
            for relationship in instance._sa_instance_state.mapper.relationships:
                value = values.get(relationship.key)
                for other in value if isinstance(value, list | set | tuple) else (value,):
                    if hasattr(other, "_sa_instance_state"):
                        _use(other)

    def _request(self) -> tuple[Any, str]:
        """Return the environment of the request under way and its route; None outside of one."""
        work = CURRENT.get()
        environ: Any = work.environ if work is not None and work.is_open else None
        request = environ.get("werkzeug.request") if environ else None
        if request is None:
            return None, ""
        known: str | None = environ.get(_REQUEST)
        if known is None:
            rule = getattr(request, "url_rule", None)
            known = f"{environ.get('REQUEST_METHOD', '')} {rule.rule if rule else '(no route)'}"
            environ[_REQUEST] = known
            self.ledger.note_request(known)
        return environ, known


def _use(instance: Any) -> None:
    loaded = instance._sa_instance_state.__dict__.get(_LOADED)
    if loaded is not None:
        loaded.note("")


def _names(path: Any) -> tuple[str, ...]:
    """Return the relationships of a loader path: ("Order.lines", "OrderLine.product")."""
    return tuple(
        f"{step.parent.class_.__name__}.{step.key}"
        for step in getattr(path, "path", ())
        if getattr(step, "direction", None) is not None
    )


def _install(wiring: Wiring, module: ModuleType) -> None:
    """Attach once the whole of ``sqlalchemy.orm`` is there."""
    from sqlalchemy import event

    learning = _Learning(wiring)
    learning.use_option(module.interfaces.UserDefinedOption)
    for target, name, hook in (
        (module.Session, "do_orm_execute", learning.on_execute),
        (module.Session, "before_flush", learning.on_flush),
        (module.Mapper, "load", learning.on_load),
    ):
        listener = learning.guarded(hook)
        event.listen(target, name, listener)
        wiring.patches.on_restore(_remover(event, target, name, listener))
    attribute = module.attributes.InstrumentedAttribute
    for name in ("__get__", "__set__", "__delete__"):
        wiring.patches.replace(attribute, name, _reader(wiring))
    state = module.state.InstanceState
    wiring.patches.replace(state, "__getstate__", _copier(wiring, learning.is_ours))


def _remover(event: Any, target: Any, name: str, listener: Any) -> Callable[[], None]:
    return lambda: event.remove(target, name, listener)


def _reader(wiring: Wiring) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    switch = wiring.switch

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def access(attribute: Any, instance: Any, *args: Any) -> Any:
            if instance is not None and switch.on:
                try:
                    loaded = instance._sa_instance_state.__dict__.get(_LOADED)
                    if loaded is not None:
                        loaded.note(attribute.key)
                except Exception as error:
                    switch.fail(error)
            return original(attribute, instance, *args)

        return access

    return make


def _copier(
    wiring: Wiring, is_ours: Callable[[Any], bool]
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    switch = wiring.switch

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def copy(state: Any) -> Any:
            if switch.on:
                try:
                    loaded = state.__dict__.get(_LOADED)
                    if loaded is not None:
                        loaded.note_all()
                except Exception as error:
                    switch.fail(error)
            found = original(state)
            options = found.get("load_options")
            if options:  # ours means nothing where the object is read again
                found["load_options"] = type(options)(o for o in options if not is_ours(o))
            return found

        return copy

    return make


SENSOR = Sensor("orm-reads", {"sqlalchemy.orm": _install})
