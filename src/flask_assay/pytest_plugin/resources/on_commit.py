"""What a commit sets off: SQLAlchemy's ``after_commit`` hooks, named, and held back on request."""

import contextlib
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from weakref import WeakSet

__all__ = ["CommitHooks", "Hook"]


@dataclass(frozen=True)
class Hook:
    """One call of an ``after_commit`` hook.

    Attributes:
        name: "module.function" of the hook.
        session: The session that was committed.
    """

    name: str
    session: Any
    call: Callable[[Any], object]

    def run(self) -> None:
        """Run the hook, now and with its session."""
        self.call(self.session)


class CommitHooks(list[Hook]):
    """The hooks of all commits of a test, in their order.

    They run as in production; inside ``with held():`` they are only collected. A hook that was
    held back runs by its ``run()``, which says what a broken mail server would do to it.
    """

    def __init__(self) -> None:
        super().__init__()
        self._is_holding = False
        self._wrapped: WeakSet[Any] = WeakSet()

    def __enter__(self) -> Self:
        from sqlalchemy import event
        from sqlalchemy.orm import Session

        event.listen(Session, "before_commit", self._wrap)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        from sqlalchemy import event
        from sqlalchemy.orm import Session

        event.remove(Session, "before_commit", self._wrap)
        for session in self._wrapped:
            _unwrap(session)

    @property
    def names(self) -> list[str]:
        """The hooks' names."""
        return [hook.name for hook in self]

    @contextlib.contextmanager
    def held(self) -> Iterator[Self]:
        """Collect hooks for a while instead of running them."""
        self._is_holding = True
        try:
            yield self
        finally:
            self._is_holding = False

    def _wrap(self, session: Any) -> None:
        """Stand between a session and its hooks, those included that were added a moment ago."""
        _unwrap(session)
        listeners = session.dispatch.after_commit
        session.dispatch.after_commit = _Between(listeners, self._committed)
        self._wrapped.add(session)

    def _committed(self, session: Any, listeners: Any) -> None:
        _unwrap(session)
        for listener in list(listeners):
            hook = Hook(_name(listener), session, listener)
            self.append(hook)
            if not self._is_holding:
                hook.run()


class _Between:
    """Takes the place of a session's listeners for one commit."""

    def __init__(self, listeners: Any, committed: Callable[[Any, Any], None]) -> None:
        self.listeners, self._committed = listeners, committed

    def __call__(self, session: Any) -> None:
        self._committed(session, self.listeners)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.listeners, name)


def _unwrap(session: Any) -> None:
    listeners = session.dispatch.after_commit
    if isinstance(listeners, _Between):
        session.dispatch.after_commit = listeners.listeners


def _name(listener: Any) -> str:
    function = getattr(listener, "__wrapped__", listener)
    if getattr(function, "__qualname__", "") == "only_once.<locals>.go":  # listen(…, once=True)
        function = inspect.getclosurevars(function).nonlocals.get("fn", function)
    module = getattr(function, "__module__", "")
    return f"{module}.{getattr(function, '__qualname__', repr(function))}".lstrip(".")
