"""Requests: one row for each, from entry into the app until its response was closed.

This is the path of every request: it spends a few microseconds, so it is written out where
elsewhere a call would do.
"""

import hashlib
import sys
import time
from _thread import get_ident
from collections.abc import Callable
from struct import Struct
from types import ModuleType
from typing import Any

from flask_assay.model.rows import RequestFlag
from flask_assay.probe.recorder import Recorder
from flask_assay.probe.response import read_headers, status_code
from flask_assay.probe.switch import Switch
from flask_assay.probe.wiring import Sensor, Wiring
from flask_assay.probe.work import CURRENT, Body, Request, Work
from flask_assay.recording import wire

__all__ = ["SENSOR"]

_MAX_U32 = 2**32 - 1
_MAX_U64 = 2**64 - 1
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"})
_EXCEPTION = int(RequestFlag.EXCEPTION)
_NO_VIEW = int(RequestFlag.NO_VIEW)
_TRUNCATED = int(RequestFlag.TRUNCATED)
_ROW = int(wire.FrameKind.REQUEST)
_HEAD_SIZE = wire.REQUEST_HEAD.size
# Frame and head in one piece: the layout is wire's, only the two calls are one.
_FRAMED_HEAD = Struct(wire.FRAME.format + wire.REQUEST_HEAD.format.removeprefix("<"))
_SPAN_SIZE = wire.SPAN.size
_NO_DIGESTS = (0, 0, 0)
_NO_SPANS = ()
_MAX_ROUTES = 2_000


def _install(wiring: Wiring, module: ModuleType) -> None:
    rows = _Rows(wiring.recorder, wiring.switch)
    wiring.patches.replace(module.Flask, "__call__", rows.hook)
    wiring.patches.on_restore(_end_dropped)
    wiring.around(
        module.Flask, "handle_exception", _note_exception(wiring.recorder), lambda *_: None
    )


def _note_exception(recorder: Recorder) -> Callable[..., None]:
    def before(*_args: Any) -> None:
        work = recorder.work()
        work.flags |= _EXCEPTION
        if isinstance(work, Request):
            work.note_rule()

    return before


class _Rows:
    def __init__(self, recorder: Recorder, switch: Switch) -> None:
        self._recorder = recorder
        self._switch = switch
        self._digests = recorder.plan.digests
        self._key = recorder.plan.salt.encode()[:64]
        self._serving = recorder.serving if recorder.plan.stacks else None
        self._apps: dict[int, int] = {}
        self._cpu: Callable[[], int] = time.thread_time_ns
        self._finish = self._finisher()

    def hook(  # noqa: C901 - in one piece: each call costs, and every request passes here
        self, original: Callable[..., Any]
    ) -> Callable[..., Any]:
        switch, apps, see_app, serving = self._switch, self._apps, self._see_app, self._serving
        clock, current, set_current = self._recorder.clock, CURRENT.get, CURRENT.set
        finish, watch = self._finish, self._watcher()

        def call(app: Any, environ: Any, start_response: Any) -> Any:  # noqa: C901 - likewise
            if not switch.on:
                return original(app, environ, start_response)
            request = None
            try:
                outer = current()
                if outer is not None and outer.is_open:
                    outer = _still_open(outer, environ)
                if outer is None or outer.environ is not environ:
                    if apps.get(id(app)) != len(app.view_functions):
                        see_app(app)
                    request = Request(environ, start_response, finish)
                    request.outer = outer
                    request.thread = ident = get_ident()
                    if serving is not None:
                        serving[ident] = request
                    request.start_ns = clock()
                    request.cpu_ns = self._cpu()
                    set_current(request)
            except Exception as error:
                switch.fail(error)
                request = None
            if request is None:  # also of an app within an app: one row for what the client sent
                return original(app, environ, start_response)
            try:
                body = original(app, environ, request.start_response)
            except BaseException:
                finish(request, _EXCEPTION)
                raise
            return watch(request, body)

        return call

    def _see_app(self, app: Any) -> None:
        for hook in self._recorder.app_hooks:
            hook(app)
        self._apps[id(app)] = len(app.view_functions)
        monkey = sys.modules.get("gevent.monkey")
        # Greenlets share a thread: its CPU time is not that of one request. Rather none than wrong.
        is_shared = monkey is not None and monkey.is_module_patched("threading")
        self._cpu = (lambda: 0) if is_shared else time.thread_time_ns

    def _watcher(self) -> Callable[[Request, Any], Any]:
        """Return the function that sees to it that a request ends when its body is closed."""
        watch_body, has_digests = self._watch_body, self._digests
        own = getattr(sys.modules.get("werkzeug.wsgi"), "ClosingIterator", None)

        def watch(request: Request, body: Any) -> Any:
            if type(body) is not own or has_digests:
                return watch_body(request, body)
            try:
                request.said, size = read_headers(request.headers, status_code(request.status))
                if size >= 0:
                    request.body_bytes = size
                    body._callbacks.append(request.end)
                    request.is_answered = True
                    return body
            except Exception:  # another release of Werkzeug
                request.said = -1
            return watch_body(request, body)

        return watch

    def _watch_body(self, request: Request, body: Any) -> Any:
        try:
            if isinstance(body, (list, tuple)):
                if request.body_bytes < 0:
                    request.body_bytes = sum(map(len, body))
                self._finish(request, 0)
                return body
            if isinstance(body, request.environ.get("wsgi.file_wrapper") or ()):
                return self._watch_file(request, body)
            request.body = body
            if self._digests:
                request.digest = hashlib.blake2b(digest_size=8, key=self._key)
        except Exception as error:
            self._switch.fail(error)
            request.is_open = False
            CURRENT.set(_still_open(request.outer))
            return body
        return Body(request)

    def _watch_file(self, request: Request, body: Any) -> Any:
        # Servers send a file by sendfile if the body is of their own class: it must stay so.
        close = getattr(body, "close", None)

        def close_and_finish() -> None:
            try:
                if close is not None:
                    close()
            finally:
                self._finish(request, 0)

        body.close = close_and_finish
        return body

    def _finisher(self) -> Callable[[Request, int], None]:
        """Return the function that ends a request and takes down what is known of it, once."""
        recorder, switch, serving = self._recorder, self._switch, self._serving
        clock, counts, append = recorder.clock, recorder.counts, recorder.sink.append_served
        thread_time, current, set_current = time.thread_time_ns, CURRENT.get, CURRENT.set
        digest = self._digest if self._digests else None
        recorder.sink.encode = self._encode

        def finish(request: Request, flags: int) -> None:
            if not request.is_open:
                return
            try:
                wall = clock() - request.start_ns
                cpu = request.cpu_ns
                if cpu:
                    cpu = thread_time() - cpu if get_ident() == request.thread else 0
                if request.said < 0:
                    _read_head(request)
                get, spans = request.environ.get, request.spans
                counts.requests += 1
                # Hardly a list or a mapping in it: what waits to be written is what the garbage
                # collector looks through again and again.
                append(
                    (
                        request.start_ns, wall, cpu, get("HTTP_X_ASSAY_REQUEST"),
                        digest(request) if digest is not None else _NO_DIGESTS,
                        get("REQUEST_METHOD", ""), request.rule, request.endpoint,
                        request.has_view, request.body_bytes, request.dropped, request.status,
                        flags | request.flags | request.said, spans or _NO_SPANS,
                    ),
                    len(spans) + 1,
                )  # fmt: skip
            except Exception as error:
                switch.fail(error)
            request.is_open = False
            if current() is request:
                set_current(request.outer and _still_open(request.outer))
                request.outer = None
            if serving is not None and serving.get(request.thread) is request:
                del serving[request.thread]

        return finish

    def _encode(self, row: Any) -> bytes:
        """Return the frame of a row: many in a turn, where one amidst an app's code takes twice."""
        try:
            return self._frame(*row)
        except Exception as error:
            self._switch.fail(error)
            return b""

    def _frame(self, *row: Any) -> bytes:
        start, wall, cpu, request_id, hashes, method, rule, endpoint = row[:8]
        has_view, size, dropped, status, flags, spans = row[8:]
        recorder = self._recorder
        ids = recorder.routes.get((method, rule.rule, rule.endpoint)) if rule is not None else None
        if ids is None:
            ids = self._name_route(method, rule, endpoint)
        if not has_view and recorder.sees_views:
            flags |= _NO_VIEW
        if dropped:
            flags |= _TRUNCATED
        packed = b"".join(spans)
        head = _FRAMED_HEAD.pack(
            _ROW, _HEAD_SIZE + len(packed), start, wall, cpu,
            _request_id(request_id) if request_id else 0, *hashes, *ids, min(size, _MAX_U32),
            dropped, len(packed) // _SPAN_SIZE, status_code(status), flags,
        )  # fmt: skip
        return head + packed

    def _name_route(self, method: str, rule: Any, endpoint: str) -> tuple[int, int]:
        if method not in _METHODS:
            method = "(other method)"
        if rule is not None:
            endpoint = rule.endpoint
            route = f"{method} {rule.rule}"
        else:
            route = f"{method} (endpoint {endpoint})" if endpoint else f"{method} (no route)"
        names, routes = self._recorder.names, self._recorder.routes
        ids = names.id("route", route), names.id("endpoint", endpoint)
        if rule is not None and len(routes) < _MAX_ROUTES:
            routes[method, rule.rule, endpoint] = ids
        return ids

    def _hash(self, text: str) -> int:
        data = text.encode("utf-8", "replace")
        digest = hashlib.blake2b(data, digest_size=8, key=self._key).digest()
        return int.from_bytes(digest, "little") or 1

    def _digest(self, request: Request) -> tuple[int, int, int]:
        get = request.environ.get
        url = f"{get('SCRIPT_NAME', '')}{get('PATH_INFO', '')}?{get('QUERY_STRING', '')}"
        sent = f"{get('HTTP_AUTHORIZATION', '')}\n{get('HTTP_COOKIE', '')}"
        return request.body_digest(), self._hash(url), self._hash(sent) if sent != "\n" else 0


def _read_head(request: Request) -> None:
    request.said, size = read_headers(request.headers, status_code(request.status))
    if request.body_bytes < 0:
        request.body_bytes = max(size, 0)


def _still_open(work: Work | None, environ: Any = None) -> Work | None:
    """Return the innermost work that still goes on.

    A request whose body was dropped without being closed, as test clients do, ends here at the
    latest.

    Args:
        work: What was under way last.
        environ: Of a request that begins.
    """
    while work is not None:
        if isinstance(work, Request) and work.is_answered and work.environ is not environ:
            work.end()
        if work.is_open:
            break
        work = work.outer
    return work


def _end_dropped() -> None:
    _still_open(CURRENT.get())


def _request_id(text: str | None) -> int:
    if not text or len(text) > 20 or not (text.isascii() and text.isdecimal()):
        return 0
    return int(text) & _MAX_U64


SENSOR = Sensor("requests", {"flask.app": _install})
