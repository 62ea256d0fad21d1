"""Stacks that samplers caught, kept raw until they are written and only then put into words.

A sample belongs to the endpoint whose view is on the stack; outside of views (hooks before and
after the request, streamed bodies) to the endpoint of the request that is under way.
"""

import os
from collections import deque
from collections.abc import Iterable
from types import CodeType, FrameType
from typing import Any

from flask_assay.probe.call_sites import FOREIGN, TEMPLATE, CallSites
from flask_assay.probe.work import Work

__all__ = ["FRAME_PREFIX", "NO_ENDPOINT", "NO_ROUTE", "Stacks", "package_of"]

FRAME_PREFIX = "EP:"
NO_ENDPOINT = "(no endpoint)"  # unattributed
NO_ROUTE = "(no route)"  # answered without a route: 404, or a middleware
MAX_DEPTH = 100  # frames of one stack, the outermost; libraries that recurse go deeper
MAX_WALK = 1_000
MAX_STACKS = 3_000  # different ones between two writes
MAX_SAMPLES = 10_000  # between two writes
MAX_NAMES = 20_000

_OURS = os.path.dirname(os.path.dirname(__file__)) + os.sep  # noqa: PTH120 - as code objects spell it
_ENTRY = os.path.join(_OURS, "probe", "sensors", "requests.py")  # noqa: PTH118 - likewise
_STDLIB = os.path.dirname(os.__file__) + os.sep  # noqa: PTH120 - likewise
# C code decodes by calling these: who is interrupted in it seems to be there, at their first step.
_CODECS = _STDLIB + "encodings" + os.sep

_SERVER = (".handle_request", "WSGIRequestHandler.run_wsgi")  # of Gunicorn's workers, of Werkzeug

_Frame = tuple[CodeType, int]  # line of the user's frames, 0 of others


class Stacks:
    """Samples of one process.

    Args:
        sites: Knows which files are the user's.

    Attributes:
        samples: Number of samples taken inside of requests.
        unattributed: Those of them whose endpoint never became known.
        outside: Samples in which the thread served no request.
        dropped: Samples over the cap.
    """

    def __init__(self, sites: CallSites) -> None:
        self._sites = sites
        self._raw: deque[tuple[str, Work | None, tuple[_Frame, ...], int]] = deque()
        self._names: dict[int, tuple[CodeType, str]] = {}
        self.samples = self.unattributed = self.outside = self.dropped = 0

    def add(self, frame: FrameType | None, work: Work, weight_us: int) -> None:
        """Keep a sample; called amidst the app's own work, so it only takes notes."""
        if len(self._raw) >= MAX_SAMPLES:
            self.dropped += 1
            return
        self.samples += 1
        endpoint, frames = self._walk(frame)
        endpoint = endpoint or _endpoint_of(work)
        self._raw.append((endpoint, None if endpoint else work, frames, weight_us))

    def _walk(self, frame: FrameType | None) -> tuple[str, tuple[_Frame, ...]]:
        """Return the endpoint on the stack ("" if none) and the frames in it, outermost first."""
        frames: list[_Frame] = []
        kind_of = self._sites.kind
        for _ in range(MAX_WALK):
            if frame is None:
                break
            code = frame.f_code
            if code.co_name.startswith(FRAME_PREFIX):
                frames.reverse()
                return code.co_name.removeprefix(FRAME_PREFIX), tuple(frames[:MAX_DEPTH])
            file = code.co_filename
            if file.startswith(_OURS):
                if file == _ENTRY and code.co_name == "call":
                    break
                if not frames:  # between the app's frames ours are of no interest
                    frames.append((code, 0))
            elif frames or not file.startswith(_CODECS):
                kind = kind_of(file)
                frames.append((code, 0 if kind == FOREIGN else _line(frame, kind)))
            frame = frame.f_back
        frames.reverse()
        return "", tuple(frames[:MAX_DEPTH])

    def take(self) -> dict[str, int]:
        """Return "endpoint;outer;…;inner" → microseconds of CPU since the last call."""
        found: dict[str, int] = {}
        for _ in range(len(self._raw)):
            endpoint, work, frames, weight = self._raw.popleft()
            if work is not None:
                endpoint = _endpoint_of(work)
                if not endpoint and work.is_open:
                    self._raw.append((endpoint, work, frames, weight))
                    continue
                if not endpoint:
                    endpoint = NO_ROUTE if getattr(work, "status", "") else NO_ENDPOINT
                    self.unattributed += endpoint == NO_ENDPOINT
            key = ";".join((_clean(endpoint), *_without_server(list(self._texts(frames)))))
            if key not in found and len(found) >= MAX_STACKS:
                key = f"{_clean(endpoint)};(other)"
            found[key] = found.get(key, 0) + weight
        return found

    def reset(self) -> None:
        """Forget what a parent process caught."""
        self._raw.clear()
        self.samples = self.unattributed = self.outside = self.dropped = 0

    def facts(self) -> dict[str, object]:
        """Return the totals as the COUNTERS frame holds them."""
        return {
            "samples": self.samples,
            "unattributed": self.unattributed,
            "outside": self.outside,
            "dropped": self.dropped,
        }

    def _texts(self, frames: Iterable[_Frame]) -> Iterable[str]:
        for code, line in frames:
            # By identity: the hash of a code object goes through all of its contents.
            known = self._names.get(id(code))
            if known is None:
                if len(self._names) >= MAX_NAMES:
                    self._names.clear()
                known = self._names[id(code)] = (code, self._name(code))
            yield known[1].replace(":0 ", f":{line} ", 1) if line else known[1]

    def _name(self, code: CodeType) -> str:
        kind = self._sites.kind(code.co_filename)
        function = code.co_qualname.rpartition("<locals>.")[2]
        if kind == TEMPLATE:
            function = "template"
        if kind == FOREIGN or code.co_filename.startswith(_OURS):
            return _clean(f"{package_of(code.co_filename)}:{function}")
        return _clean(f"{self._sites.relative(code.co_filename)}:0 {function}")


def _line(frame: FrameType, kind: int) -> int:
    line = frame.f_lineno or 0
    if kind == TEMPLATE:
        template: Any = frame.f_globals.get("__jinja_template__")
        line = template.get_corresponding_lineno(line) if template is not None else line
    return line


def _endpoint_of(work: Work) -> str:
    if work.endpoint:
        return work.endpoint
    request = work.environ.get("werkzeug.request")
    rule = getattr(request, "url_rule", None) or getattr(work, "rule", None)
    return rule.endpoint if rule is not None else ""


def package_of(file: str) -> str:
    """Return the name of the installed package or the module of the standard library."""
    if file.startswith(_OURS):
        return "flask_assay"
    for folder in ("site-packages/", "dist-packages/", _STDLIB):
        _, found, inside = file.rpartition(folder)
        if found:
            return inside.partition("/")[0].removesuffix(".py")
    if file.startswith("<frozen "):
        return file[8:].rstrip(">").partition(".")[0]
    return "(generated)" if file.startswith("<") else file.rpartition("/")[2].removesuffix(".py")


def _without_server(names: list[str]) -> list[str]:
    """Return the frames without those of the server that called the app or sends its body."""
    for at in range(len(names) - 1, -1, -1):
        if names[at].endswith(_SERVER):
            return names[at + 1 :]
    return names


def _clean(text: str) -> str:
    return text.replace(";", ",").replace("\n", " ")
