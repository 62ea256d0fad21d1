"""Requests: one row for each, from entry into the app until its response was closed.

This is the path of every request: it spends a few microseconds, so it is written out where
elsewhere a call would do.
"""

import hashlib
import sys
import time
from _thread import get_ident
from collections.abc import Callable, Iterable, Sequence
from struct import Struct
from types import ModuleType
from typing import Any

from flask_assay.model.rows import RequestFlag
from flask_assay.probe.recorder import Recorder
from flask_assay.probe.response import KNOWN_CODES, read_headers, status_code
from flask_assay.probe.sink import FLUSH_ROWS
from flask_assay.probe.switch import Switch
from flask_assay.probe.wiring import Sensor, Wiring
from flask_assay.probe.work import CURRENT, NO_ENVIRON, Body, Request, Work
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
_NO_HASHES = (0, 0, 0)
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
        self._cpu: Callable[[], int] = time.thread_time_ns
        recorder.sink.encode = self._encode

    def hook(  # noqa: C901, PLR0915 - in one piece: each call costs, and every request passes here
        self, original: Callable[..., Any]
    ) -> Callable[..., Any]:
        switch, apps = self._switch, self._recorder.apps
        begin, watch_body = self._begin, self._watch
        clock, current, set_current = self._recorder.clock, CURRENT.get, CURRENT.set
        has_digests, make = self._digests, self._request_class()
        closing = getattr(sys.modules.get("werkzeug.wsgi"), "ClosingIterator", None)

        def call(  # noqa: C901, PLR0915 - likewise
            app: Any, environ: Any, start_response: Any
        ) -> Any:
            if not switch.on:
                return original(app, environ, start_response)
            request = None
            try:
                outer = current()
                is_known = apps.get(id(app)) == len(app.view_functions)
                if is_known and (outer is None or not outer.is_open):
                    request = make(environ, start_response)
                elif begin(app, environ):
                    request = make(environ, start_response)
                    request.outer = current()
                if request is not None:
                    request.thread = get_ident()
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
                request.end(_EXCEPTION)
                raise
            try:
                headers = request.headers
                if (
                    type(body) is closing
                    and not has_digests
                    # where Flask puts it
                    and (headers[1][0] == "Content-Length" or _has_length(headers))
                ):
                    body._callbacks.append(request.end)
                    request.is_answered = True
                    return body
            except Exception:  # another release of Werkzeug: the general way
                pass
            return watch_body(request, body)

        return call

    def _begin(self, app: Any, environ: Any) -> bool:
        """See to the app, and to a request under way; say whether a request of its own begins."""
        outer = _still_open(CURRENT.get(), environ)
        if outer is not None and outer.environ is environ:
            return False
        recorder = self._recorder
        if recorder.apps.get(id(app)) != len(app.view_functions):
            for hook in recorder.app_hooks:
                hook(app)
            recorder.apps[id(app)] = len(app.view_functions)
            recorder.sink.start()
            monkey = sys.modules.get("gevent.monkey")
            # Greenlets share a thread: its CPU time is not that of one request. Rather none than
            # wrong.
            is_shared = monkey is not None and monkey.is_module_patched("threading")
            self._cpu = (lambda: 0) if is_shared else time.thread_time_ns
        CURRENT.set(outer)
        return True

    def _watch(self, request: Request, body: Any) -> Any:
        """See to it that a request ends when its body is closed, whatever the body is."""
        try:
            if isinstance(body, (list, tuple)):
                request.body_bytes = sum(map(len, body))
                request.end()
                return body
            if isinstance(body, request.environ.get("wsgi.file_wrapper") or ()):
                return _watch_file(request, body)
            request.body = body
            if self._digests:
                request.digest = hashlib.blake2b(digest_size=8, key=self._key)
        except Exception as error:
            self._switch.fail(error)
            request.is_open = False
            CURRENT.set(_still_open(request.outer))
            return body
        return Body(request)

    def _request_class(self) -> type[Request]:  # noqa: C901 - in one piece, likewise
        """Return the class of requests that end by being added to the rows of this recorder."""
        recorder, switch = self._recorder, self._switch
        clock, sink, get_ident_ = recorder.clock, recorder.sink, get_ident
        rows, append, thread_time = sink.rows, sink.rows.append, time.thread_time_ns
        digest = self._digest if self._digests else None

        class Served(Request):
            __slots__ = ()

            def end(self, flags: int = 0) -> None:
                if not self.is_open:
                    return
                try:
                    self.end_ns = clock()
                    if self.cpu_ns:
                        is_here = get_ident_() == self.thread
                        self.cpu_ns = thread_time() - self.cpu_ns if is_here else 0
                    get = self.environ.get
                    self.method = get("REQUEST_METHOD", "")
                    self.request_id = get("HTTP_X_ASSAY_REQUEST")
                    if flags:
                        self.flags |= flags
                    if digest is not None:
                        self.hashes = digest(self)
                    append(self)
                    if len(rows) > FLUSH_ROWS:
                        sink.relieve()
                except Exception as error:
                    switch.fail(error)
                self.is_open = False
                # It waits for the writer, and stays the context's until the next request:
                # what the server hands out must not wait with it.
                self.environ = NO_ENVIRON
                if self.outer is not None:
                    _step_out(self)

        return Served

    def _encode(self, rows: Iterable[Any]) -> list[bytes]:
        """Return the frames of rows: many in a turn, where one amidst an app's code takes twice."""
        recorder = self._recorder
        known, sees_views, name_route = recorder.routes.get, recorder.sees_views, self._name_route
        pack, no_view, join = _FRAMED_HEAD.pack, _NO_VIEW, b"".join
        frames = []
        for request in rows:
            try:
                rule, spans, status = request.rule, request.spans, request.status
                ids = None
                if rule is not None:
                    ids = known((request.method, rule.rule, rule.endpoint))
                if ids is None:
                    ids = name_route(request.method, rule, request.endpoint)
                code = KNOWN_CODES.get(status) or status_code(status)
                flags, size = read_headers(request.headers, code)
                flags |= request.flags
                if sees_views and not request.endpoint:
                    flags |= no_view
                if request.dropped:
                    flags |= _TRUNCATED
                if request.body_bytes >= 0:
                    size = request.body_bytes
                packed = join(spans)
                request.spans = []  # the request stays its context's until the next one
                start, sent = request.start_ns, request.request_id
                head = pack(
                    _ROW, _HEAD_SIZE + len(packed), start, request.end_ns - start, request.cpu_ns,
                    _request_id(sent) if sent else 0, *(request.hashes or _NO_HASHES), *ids,
                    size if 0 <= size <= _MAX_U32 else _MAX_U32 * (size > 0),
                    request.dropped, len(spans), code, flags,
                )  # fmt: skip
                frames.append(head + packed)
            except Exception as error:
                self._switch.fail(error)
        return frames

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


def _has_length(headers: Sequence[tuple[str, str]]) -> bool:
    return any(name.lower() == "content-length" for name, _ in headers)


def _watch_file(request: Request, body: Any) -> Any:
    # Servers send a file by sendfile if the body is of their own class: it must stay so.
    close = getattr(body, "close", None)

    def close_and_finish() -> None:
        try:
            if close is not None:
                close()
        finally:
            request.end()

    body.close = close_and_finish
    return body


def _step_out(request: Request) -> None:
    """Let what was under way before a request go on."""
    if CURRENT.get() is request:
        CURRENT.set(_still_open(request.outer))
    request.outer = None


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
