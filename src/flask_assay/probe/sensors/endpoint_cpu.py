"""Endpoint CPU: each view runs in a frame that carries its endpoint's name.

A stack then says whose time it is, for the sampler here and for any outside of the process,
also while decorators serialise what the view returned.
"""

from collections.abc import Callable
from functools import update_wrapper
from inspect import iscoroutinefunction
from types import FunctionType, ModuleType
from typing import Any

from flask_assay.probe.samplers import Sampling
from flask_assay.probe.stacks import FRAME_PREFIX
from flask_assay.probe.wiring import Sensor, Wiring
from flask_assay.probe.work import CURRENT

__all__ = ["SENSOR"]


def _install(wiring: Wiring, module: ModuleType) -> None:
    recorder = wiring.recorder
    if not (recorder.plan.call_sites or recorder.plan.stacks):
        return  # the URL rule names the endpoint of a row; nobody asks before
    sampler = Sampling(recorder, wiring.switch) if recorder.plan.stacks else None
    if sampler is not None:
        wiring.patches.on_restore(sampler.stop)

    def see(app: Any) -> None:
        try:
            _wrap_views(wiring, app)
            if sampler is not None:
                sampler.start()
        except Exception as error:
            wiring.switch.fail(error)

    recorder.app_hooks.append(see)
    recorder.sees_views = True


def _wrap_views(wiring: Wiring, app: Any) -> None:
    views = app.view_functions
    for endpoint, view in list(views.items()):
        if not getattr(view, "_assay_is_view", False):
            make = _async_view if iscoroutinefunction(view) else _view
            wiring.patches.replace_item(
                views, endpoint, _named(make(view, endpoint), view, endpoint)
            )


def _named(wrapper: Callable[..., Any], view: Any, endpoint: str) -> Callable[..., Any]:
    assert isinstance(wrapper, FunctionType)
    update_wrapper(wrapper, view)
    name = FRAME_PREFIX + endpoint
    wrapper.__code__ = wrapper.__code__.replace(co_name=name, co_qualname=name)
    wrapper._assay_is_view = True  # type: ignore[attr-defined]
    return wrapper


def _view(view: Callable[..., Any], endpoint: str) -> Callable[..., Any]:
    current = CURRENT.get

    def call(*args: Any, **kwargs: Any) -> Any:
        work = current()
        if work is not None:
            work.endpoint = endpoint
        return view(*args, **kwargs)

    return call


def _async_view(view: Callable[..., Any], endpoint: str) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> Any:
        work = CURRENT.get()
        if work is not None:
            work.endpoint = endpoint
        return await view(*args, **kwargs)

    return call


SENSOR = Sensor("endpoint-cpu", {"flask.app": _install})
