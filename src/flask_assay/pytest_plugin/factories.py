"""factory_boy: factories that name no session use the app's, and need no app context."""

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from flask_assay.pytest_plugin.fixtures import app_of
from flask_assay.routing.extension import flask_sqlalchemy_of

__all__ = ["FactoryBinding"]


class FactoryBinding:
    """Gives ``SQLAlchemyModelFactory`` the app's session where nobody gave it one.

    A factory without a session commits what it makes: the app's own connections are to see it.
    Without an app context, it gets one for the time of the call; what it returns is detached
    by then, with its columns loaded.
    """

    def __init__(self) -> None:
        self._item: Any = None
        self._originals: dict[str, Any] = {}
        self._is_inside = False

    @contextlib.contextmanager
    def around(self, item: pytest.Item) -> Iterator[None]:
        """Bind for the time of a test, if anything has imported factory_boy by then."""
        self._item = item
        if not self._originals and "factory.alchemy" in sys.modules:
            self._attach(sys.modules["factory.alchemy"])
        try:
            yield
        finally:
            self._item = None

    def pytest_unconfigure(self) -> None:
        """Let go of factory_boy; idempotent."""
        alchemy = sys.modules.get("factory.alchemy")
        while alchemy is not None and self._originals:
            name, original = self._originals.popitem()
            setattr(alchemy.SQLAlchemyModelFactory, name, original)

    def _attach(self, alchemy: Any) -> None:
        owner = alchemy.SQLAlchemyModelFactory
        for name, wrapper in (("_generate", self._generate), ("_create", self._create)):
            self._originals[name] = vars(owner)[name]
            setattr(owner, name, classmethod(wrapper(self._originals[name].__func__)))

    def _generate(self, original: Any) -> Any:
        def generate(cls: Any, strategy: str, params: Any) -> Any:
            if strategy != "create" or self._is_inside or self._item is None:
                return original(cls, strategy, params)
            self._is_inside = True
            try:
                with self._session(cls) as session:
                    made = original(cls, strategy, params)
                    if session is not None:
                        session.commit()
                    return made
            finally:
                self._is_inside = False

        return generate

    @contextlib.contextmanager
    def _session(self, cls: Any) -> Iterator[Any]:
        """Yield the session to commit when all is made, None if that is the suite's business."""
        import flask

        if flask.has_app_context():
            yield None if _has_session(cls) else _session_of(flask.current_app)
            return
        app = app_of(self._item._request)
        with app.app_context():
            session = _session_of(app)
            if session is not None:
                getattr(session, "registry", lambda: session)().expire_on_commit = False
            yield session

    def _create(self, original: Any) -> Any:
        def create(cls: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
            import flask

            if _has_session(cls) or self._item is None or not flask.has_app_context():
                return original(cls, model, *args, **kwargs)
            cls._meta.sqlalchemy_session = _session_of(flask.current_app)
            try:
                return original(cls, model, *args, **kwargs)
            finally:
                cls._meta.sqlalchemy_session = None

        return create


def _has_session(cls: Any) -> bool:
    meta = cls._meta
    return meta.sqlalchemy_session is not None or bool(
        getattr(meta, "sqlalchemy_session_factory", None)
    )


def _session_of(app: Any) -> Any:
    return getattr(flask_sqlalchemy_of(app), "session", None)
