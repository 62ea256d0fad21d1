"""Requests: one row for each, from entry into the app until its response was closed.

This is the path of every request: it spends a few microseconds, so it is written out where
elsewhere a call would do.
"""

import hashlib
import sys
import time
from _thread import get_ident
from collections.abc import Callable, Sequence
from struct import Struct
from types import ModuleType
from typing import Any
from weakref import finalize

from flask_assay.model.rows import RequestFlag
from flask_assay.probe.compilation import COMPILED
from flask_assay.probe.recorder import Recorder
from flask_assay.probe.response import FACTS, KNOWN_CODES, NO_BODY, learn, length, status_code
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
_STREAMED = int(RequestFlag.STREAMED)
_TRUNCATED = int(RequestFlag.TRUNCATED)
_ROW = int(wire.FrameKind.REQUEST)
_HEAD_SIZE = wire.REQUEST_HEAD.size
# Frame and head in one piece: the layout is wire's, only the two calls are one.
_FRAMED_HEAD = Struct(wire.FRAME.format + wire.REQUEST_HEAD.format.removeprefix("<"))
_MAX_ROUTES = 2_000
# The thread's CPU clock is a system call, 0.7 µs each: as often as this, it takes 0.3 % of a core.
# A request that begins sooner after another goes without.
_CPU_EVERY_NS = 500_000


def _install(wiring: Wiring, module: ModuleType) -> None:
    rows = _Rows(wiring.recorder, wiring.switch)
    closing = getattr(sys.modules.get("werkzeug.wsgi"), "ClosingIterator", None)
    if COMPILED is not None:
        hook = COMPILED.Requests(rows, closing, _CPU_EVERY_NS).hook
    else:
        hook = rows.hook(closing)
    wiring.patches.replace(module.Flask, "__call__", hook)
    wiring.patches.on_restore(_end_dropped)
    wiring.around(
        module.Flask, "handle_exception", _note_exception(wiring.recorder), lambda *_: None
    )


def _note_exception(recorder: Recorder) -> Callable[..., None]:
    def before(*_args: Any) -> None:
        work = recorder.work()
        work.flags |= _EXCEPTION
        work.note_rule()

    return before


class _Rows:
    """What requests of a recorder have in common.

    Attributes:
        reads_cpu: Whether the CPU time of the thread is that of one request.
    """

    def __init__(self, recorder: Recorder, switch: Switch) -> None:
        self.recorder = recorder
        self.switch = switch
        self.digests = recorder.plan.digests
        self._key = recorder.plan.salt.encode()[:64]
        self.reads_cpu = True

    def hook(self, closing: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Return what makes, of ``Flask.__call__``, what stands in for it."""
        return lambda original: self._hook(original, closing)

    def _hook(  # noqa: C901, PLR0915 - in one piece: each call costs, and every request passes here
        self, original: Callable[..., Any], closing: Any
    ) -> Callable[..., Any]:
        switch, apps = self.switch, self.recorder.apps
        begin, watch_body, thread_time = self.begin, self.watch, time.thread_time_ns
        has_length = self.has_length
        clock, current, set_current = self.recorder.clock, CURRENT.get, CURRENT.set
        has_digests, make = self.digests, self._request_class()
        cpu_due_ns = 0

        def call(  # noqa: C901, PLR0915 - likewise
            app: Any, environ: Any, start_response: Any
        ) -> Any:
            nonlocal cpu_due_ns
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
                    set_current(request)
                    request.start_ns = start_ns = clock()
                    if start_ns >= cpu_due_ns:
                        cpu_due_ns = start_ns + _CPU_EVERY_NS
                        if self.reads_cpu:
                            request.thread = get_ident()
                            request.cpu_ns = thread_time()
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
                    and (headers[1][0] == "Content-Length" or has_length(headers))
                ):
                    body._callbacks.append(request.end)
                    request.is_answered = True
                    return body
            except Exception:  # another release of Werkzeug: the general way
                pass
            return watch_body(request, body)

        return call

    def begin(self, app: Any, environ: Any) -> bool:
        """See to the app, and to a request under way; say whether a request of its own begins."""
        outer = _still_open(CURRENT.get(), environ)
        if outer is not None and outer.environ is environ:
            return False
        recorder = self.recorder
        if recorder.apps.get(id(app)) != len(app.view_functions):
            for hook in recorder.app_hooks:
                hook(app)
            recorder.apps[id(app)] = len(app.view_functions)
            # Another app may come to lie where this one did.
            finalize(app, recorder.apps.pop, id(app), None).atexit = False
            recorder.sink.start()
            monkey = sys.modules.get("gevent.monkey")
            # Greenlets share a thread: its CPU time is not that of one request. Rather none than
            # wrong.
            is_shared = monkey is not None and monkey.is_module_patched("threading")
            self.reads_cpu = not is_shared
        CURRENT.set(outer)
        return True

    def watch(self, request: Request, body: Any) -> Any:
        """See to it that a request ends when its body is closed, whatever the body is."""
        try:
            if isinstance(body, (list, tuple)):
                request.body_bytes = sum(map(len, body))
                request.end()
                return body
            if isinstance(body, request.environ.get("wsgi.file_wrapper") or ()):
                return _watch_file(request, body)
            request.body = body
            if self.digests:
                request.digest = hashlib.blake2b(digest_size=8, key=self._key)
        except Exception as error:
            self.switch.fail(error)
            request.is_open = False
            CURRENT.set(_still_open(request.outer))
            return body
        return Body(request)

    def _request_class(self) -> type[Request]:  # noqa: C901 - in one piece, likewise
        """Return the class of requests that end as a frame of this recorder's."""
        recorder, switch = self.recorder, self.switch
        clock, sink, get_ident_ = recorder.clock, recorder.sink, get_ident
        rows, append, thread_time = sink.rows, sink.rows.append, time.thread_time_ns
        digest = self.digest if self.digests else None
        route_of, name_route = recorder.routes.get, self.name_route
        pack, join, fact_of, code_of = _FRAMED_HEAD.pack, b"".join, FACTS.get, KNOWN_CODES.get
        request_id, step_out = self.request_id, self.step_out

        class Served(Request):
            __slots__ = ()

            def end(self, flags: int = 0) -> None:  # noqa: C901, PLR0912, PLR0915 - likewise
                if not self.is_open:
                    return
                self.is_open = False
                try:
                    wall = clock() - self.start_ns
                    cpu = self.cpu_ns
                    if cpu:
                        cpu = thread_time() - cpu if get_ident_() == self.thread else 0
                    environ = self.environ
                    method, sent = environ["REQUEST_METHOD"], environ.get("HTTP_X_ASSAY_REQUEST")
                    rule, status, size = self.rule, self.status, -1
                    route = route_of((id(rule), method))
                    if route is None or route[0] is not rule:
                        route = name_route(method, rule, self.endpoint)
                    for name, value in self.headers:
                        fact = fact_of(name) if name in FACTS else learn(name)
                        if fact is length:
                            size = length(value)
                        elif fact is not None:
                            flags |= fact(value)
                    code = code_of(status) or status_code(status)
                    if size < 0 and code not in NO_BODY:
                        flags |= _STREAMED
                    if self.body_bytes >= 0:
                        size = self.body_bytes
                    flags |= self.flags
                    if recorder.sees_views and not self.endpoint:
                        flags |= _NO_VIEW
                    dropped = self.dropped
                    if dropped:
                        flags |= _TRUNCATED
                    spans, count = b"", 0
                    if self.spans:
                        spans, count = join(self.spans), len(self.spans)
                        self.spans = []  # it stays its context's until the next request
                    hash_1 = hash_2 = hash_3 = 0
                    if digest is not None:
                        hash_1, hash_2, hash_3 = digest(self)
                    head = pack(
                        _ROW, _HEAD_SIZE + len(spans), self.start_ns, wall, cpu,
                        request_id(sent) if sent else 0, hash_1, hash_2, hash_3, route[1],
                        route[2], size if 0 <= size <= _MAX_U32 else _MAX_U32 * (size > 0),
                        dropped, count, code, flags,
                    )  # fmt: skip
                    append(head + spans if count else head)
                    if len(rows) > FLUSH_ROWS:
                        sink.relieve()
                except Exception as error:
                    switch.fail(error)
                # It stays the context's until the next request: what the server hands out must
                # not stay with it.
                self.environ = NO_ENVIRON
                if self.outer is not None:
                    step_out(self)

        return Served

    def name_route(self, method: str, rule: Any, endpoint: str) -> tuple[Any, int, int]:
        """Return the rule, and the ids of route and endpoint."""
        if method not in _METHODS:
            method = "(other method)"
        if rule is not None:
            endpoint = rule.endpoint
            text = f"{method} {rule.rule}"
        else:
            text = f"{method} (endpoint {endpoint})" if endpoint else f"{method} (no route)"
        names, routes = self.recorder.names, self.recorder.routes
        route = rule, names.id("route", text), names.id("endpoint", endpoint)
        if rule is not None and len(routes) < _MAX_ROUTES:
            routes[id(rule), method] = route
        return route

    def _hash(self, text: str) -> int:
        data = text.encode("utf-8", "replace")
        digest = hashlib.blake2b(data, digest_size=8, key=self._key).digest()
        return int.from_bytes(digest, "little") or 1

    def digest(self, request: Request) -> tuple[int, int, int]:
        get = request.environ.get
        url = f"{get('SCRIPT_NAME', '')}{get('PATH_INFO', '')}?{get('QUERY_STRING', '')}"
        sent = f"{get('HTTP_AUTHORIZATION', '')}\n{get('HTTP_COOKIE', '')}"
        return request.body_digest(), self._hash(url), self._hash(sent) if sent != "\n" else 0

    @staticmethod
    def has_length(headers: Sequence[tuple[str, str]]) -> bool:
        """Whether the size of the body is among the headers."""
        return any(name.lower() == "content-length" for name, _ in headers)

    @staticmethod
    def request_id(text: str) -> int:
        """Return the number that a client of ours gave a request, 0 of anything else."""
        if len(text) > 20 or not (text.isascii() and text.isdecimal()):
            return 0
        return int(text) & _MAX_U64

    @staticmethod
    def step_out(request: Request) -> None:
        """Let what was under way before a request go on."""
        if CURRENT.get() is request:
            CURRENT.set(_still_open(request.outer))
        request.outer = None


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


def _still_open(work: Work | None, environ: Any = None) -> Work | None:
    """Return the innermost work that still goes on.

    A request whose body was dropped without being closed, as test clients do, ends here at the
    latest.

    Args:
        work: What was under way last.
        environ: Of a request that begins.
    """
    while work is not None:
        outer = work.outer  # forgotten as it ends
        if work.is_answered and work.environ is not environ:
            work.end()
        if work.is_open:
            break
        work = outer
    return work


def _end_dropped() -> None:
    _still_open(CURRENT.get())


SENSOR = Sensor("requests", {"flask.app": _install})
