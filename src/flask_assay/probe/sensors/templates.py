"""Templates: each rendering and each compilation of a Jinja template."""

from types import ModuleType
from typing import Any

from flask_assay.model.rows import SpanFlag, SpanKind
from flask_assay.probe.wiring import Sensor, Wiring

__all__ = ["SENSOR"]

_FROM_STRING = "<template>"


def _install(wiring: Wiring, module: ModuleType) -> None:
    recorder = wiring.recorder

    def before_render(template: Any, *_args: Any, **_kwargs: Any) -> tuple[SpanKind, int, str]:
        return SpanKind.TEMPLATE, recorder.clock(), template.name or _FROM_STRING

    def before_compile(
        environment: Any, source: Any, name: Any = None, *_args: Any, **_kwargs: Any
    ) -> tuple[SpanKind, int, str]:
        return SpanKind.COMPILE, recorder.clock(), name or _FROM_STRING

    def after(token: tuple[SpanKind, int, str], result: Any, raised: BaseException | None) -> None:
        kind, start, name = token
        flags = int(SpanFlag.ERROR) if raised is not None else 0
        number = recorder.names.id("template", name)
        site = recorder.site() if name == _FROM_STRING else 0
        recorder.span(kind, number, start, flags=flags, site=site)

    # The class is watched, not Flask's signals: it sees templates of mails, and costs a third.
    wiring.around(module.Template, "render", before_render, after)
    wiring.around(module.Environment, "compile", before_compile, after)


SENSOR = Sensor("templates", {"jinja2.environment": _install})
