"""Exceptions: what left a view or a hook, and where the user's code raised it; no values."""

import re
from types import ModuleType, TracebackType
from typing import Any

from flask_assay.model.rows import NO_USER_FRAME, SpanFlag, SpanKind
from flask_assay.probe.call_sites import FOREIGN, TEMPLATE, CallSites
from flask_assay.probe.wiring import Sensor, Wiring
from flask_assay.probe.work import CURRENT

__all__ = ["SENSOR", "message_shape", "raised_at"]

MAX_MESSAGE = 160
_SEEN = "_assay_seen"
# What an error message quotes or counts is somebody's value.
_VALUE = re.compile(
    r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\([^()]*\)=\([^()]*\)|\S*@\S*|\b0x[0-9a-fA-F]+\b"""
    r"""|\b[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}\b|(?<![\w.])-?\d[\d.,:]*"""
)


def message_shape(error: BaseException) -> str:
    """Return type and first line of an exception, without values.

    Example:
        >>> message_shape(ValueError("invalid literal for int() with base 10: 'x'"))
        'ValueError: invalid literal for int() with base ?: ?'
    """
    name = type(error).__name__
    line = str(error).strip().partition("\n")[0]
    if isinstance(error, KeyError):  # its text is the key
        return name if not line else f"{name}: ?"
    shape = _of_code(error) or _VALUE.sub("?", line)[:MAX_MESSAGE].strip()
    return f"{name}: {shape}" if shape else name


def _of_code(error: BaseException) -> str:
    """Return what is missing, if the failing line itself names it: then it is nobody's value."""
    name, innermost = getattr(error, "name", None), error.__traceback__
    while innermost is not None and innermost.tb_next is not None:
        innermost = innermost.tb_next
    if innermost is None or name not in innermost.tb_frame.f_code.co_names:
        return ""
    if isinstance(error, AttributeError):
        return f"{type(error.obj).__name__} has no attribute {name}"[:MAX_MESSAGE]
    return f"name {name} is not defined"[:MAX_MESSAGE] if isinstance(error, NameError) else ""


def raised_at(traceback: TracebackType | None, sites: CallSites) -> str:
    """Return "file:line function" of the innermost frame that is the user's code."""
    found = NO_USER_FRAME
    while traceback is not None:
        code = traceback.tb_frame.f_code
        kind = sites.kind(code.co_filename)
        if kind != FOREIGN:
            function = "template" if kind == TEMPLATE else code.co_name
            found = f"{sites.relative(code.co_filename)}:{traceback.tb_lineno} {function}"
        traceback = traceback.tb_next
    return found


def _install(wiring: Wiring, module: ModuleType) -> None:
    recorder = wiring.recorder

    def before(_app: Any, error: Any, *_args: Any, **_kwargs: Any) -> None:
        work = CURRENT.get()
        code = getattr(error, "code", None)
        if work is None or not isinstance(error, BaseException) or hasattr(error, _SEEN):
            return
        if isinstance(code, int) and hasattr(error, "get_response") and code < 500:
            return  # an answer, not a failure
        error.__dict__[_SEEN] = True  # it passes here once for each handler that lets it go
        names = recorder.names
        recorder.span(
            SpanKind.EXCEPTION,
            names.id("exception", message_shape(error)),
            recorder.clock(),
            flags=int(SpanFlag.ERROR),
            site=names.id("site", raised_at(error.__traceback__, recorder.sites)),
        )

    def after(_token: Any, _result: Any, _raised: BaseException | None) -> None:
        """Do nothing: ``before`` returns no token."""

    for name in ("handle_user_exception", "handle_exception"):
        wiring.around(module.Flask, name, before, after)


SENSOR = Sensor("exceptions", {"flask.app": _install})
