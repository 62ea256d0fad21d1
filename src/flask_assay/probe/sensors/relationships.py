"""Relationships: which attribute a lazy load was for ("Order.items"), on its statement.

Likewise the class of an object that is only refreshed, after a commit expired it.
"""

from types import ModuleType
from typing import Any

from flask_assay.model.rows import EXPIRED
from flask_assay.probe.wiring import Sensor, Wiring
from flask_assay.probe.work import Work

__all__ = ["SENSOR"]


def _install(wiring: Wiring, module: ModuleType) -> None:
    recorder = wiring.recorder
    # The class is private since 2.1; the method that sends the statement kept its name.
    loader = getattr(module, "_LazyLoader", None) or module.LazyLoader

    def before(strategy: Any, *_args: Any, **_kwargs: Any) -> Work | None:
        work = recorder.work()
        if work is recorder.background:
            return None
        text = f"{strategy.parent.class_.__name__}.{strategy.key}"
        work.detail = recorder.names.id("relationship", text)
        return work

    def after(work: Work, result: Any, raised: BaseException | None) -> None:
        work.detail = 0

    wiring.around(loader, "_emit_lazyload", before, after)


def _install_refresh(wiring: Wiring, module: ModuleType) -> None:
    recorder = wiring.recorder

    def before(state: Any, *_args: Any, **_kwargs: Any) -> Work | None:
        work = recorder.work()
        if work is recorder.background:
            return None
        work.detail = recorder.names.id("relationship", state.class_.__name__ + EXPIRED)
        return work

    def after(work: Work, result: Any, raised: BaseException | None) -> None:
        work.detail = 0

    wiring.around(module.InstanceState, "_load_expired", before, after)


SENSOR = Sensor(
    "relationships",
    {"sqlalchemy.orm.strategies": _install, "sqlalchemy.orm.state": _install_refresh},
)
