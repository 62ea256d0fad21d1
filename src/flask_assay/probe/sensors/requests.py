"""Requests: one row for each, from entry into the app until its response was closed."""

import hashlib
import sys
import time
from _thread import get_ident
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from flask_assay.model.rows import RequestFlag
from flask_assay.probe.recorder import Recorder
from flask_assay.probe.switch import Switch
from flask_assay.probe.wiring import Sensor, Wiring
from flask_assay.probe.work import CURRENT, Work
from flask_assay.recording import wire

__all__ = ["SENSOR"]

_MAX_U32 = 2**32 - 1
_MAX_U64 = 2**64 - 1
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"})
_STREAMED = int(RequestFlag.STREAMED)
_EXCEPTION = int(RequestFlag.EXCEPTION)


class _Body:
    """A response body that says when it was closed."""

    __slots__ = ("_body", "_finish", "_work")

    def __init__(self, body: Any, work: Work, finish: Callable[[Work, int], None]) -> None:
        self._body = body
        self._work = work
        self._finish = finish

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._body)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._body, name)

    def close(self) -> None:
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        finally:
            self._finish(self._work, 0)

    def __del__(self) -> None:
        self._finish(self._work, 0)  # dropped without close(), as test clients do


class _ReadBody(_Body):
    """A body whose bytes are counted, and hashed if asked for, as they pass."""

    __slots__ = ("_digest",)

    def __init__(
        self, body: Any, work: Work, finish: Callable[[Work, int], None], digest: Any
    ) -> None:
        super().__init__(body, work, finish)
        self._digest = digest
        work.body_bytes = 0

    def __iter__(self) -> Iterator[bytes]:
        work, digest = self._work, self._digest
        for chunk in self._body:
            try:
                work.body_bytes += len(chunk)
                if digest is not None:
                    digest.update(chunk)
                    work.body_digest = int.from_bytes(digest.digest(), "little") or 1
            except TypeError:  # not bytes: the server will say so
                pass
            yield chunk


def _install(wiring: Wiring, module: ModuleType) -> None:
    rows = _Rows(wiring.recorder, wiring.switch)
    wiring.patches.replace(module.Flask, "__call__", rows.hook)
    wiring.around(module.Flask, "handle_exception", _note_exception(wiring.recorder), _nothing)


def _note_exception(recorder: Recorder) -> Callable[..., None]:
    def before(*_args: Any) -> None:
        work = recorder.work()
        work.flags |= _EXCEPTION
        work.note_rule()

    return before


def _nothing(token: Any, result: Any, raised: BaseException | None) -> None:
    """Nothing remains to be done."""


class _Rows:
    def __init__(self, recorder: Recorder, switch: Switch) -> None:
        self._recorder = recorder
        self._switch = switch
        self._clock = recorder.clock
        self._digests = recorder.plan.digests
        self._key = recorder.plan.salt.encode()[:64]
        self._stacks = recorder.plan.stacks
        self._apps: dict[int, int] = {}
        self._cpu: Callable[[], int] | None = None

    def hook(self, original: Callable[..., Any]) -> Callable[..., Any]:
        switch, begin, finish, watch = self._switch, self._begin, self.finish, self._watch_body

        def call(app: Any, environ: Any, start_response: Any) -> Any:
            work = None
            if switch.on:
                try:
                    work = begin(app, environ, start_response)
                except Exception as error:
                    switch.fail(error)
            if work is None:
                return original(app, environ, start_response)
            try:
                body = original(app, environ, work.start_response)
            except BaseException:
                finish(work, _EXCEPTION)
                raise
            return watch(work, body)

        return call

    def _begin(self, app: Any, environ: Any, start_response: Any) -> Work | None:
        outer = CURRENT.get()
        if outer is not None and outer.environ is environ and outer.is_open:
            return None  # an app within an app: one request of the client, one row
        if self._apps.get(id(app)) != len(app.view_functions):
            self._see_app(app)
        work = Work(environ, start_response)
        work.outer = outer
        work.thread = get_ident()
        assert self._cpu is not None
        work.start_ns = self._clock()
        work.cpu_ns = self._cpu()
        if self._stacks:
            self._recorder.serving[work.thread] = work
        CURRENT.set(work)
        return work

    def _see_app(self, app: Any) -> None:
        for hook in self._recorder.app_hooks:
            hook(app)
        self._apps[id(app)] = len(app.view_functions)
        monkey = sys.modules.get("gevent.monkey")
        # Greenlets share a thread: its CPU time is not that of one request. Rather none than wrong.
        is_shared = monkey is not None and monkey.is_module_patched("threading")
        self._cpu = (lambda: 0) if is_shared else time.thread_time_ns

    def _watch_body(self, work: Work, body: Any) -> Any:
        try:
            if isinstance(body, (list, tuple)):
                if work.body_bytes < 0:
                    work.body_bytes = sum(map(len, body))
                self.finish(work, 0)
                return body
            if isinstance(body, work.environ.get("wsgi.file_wrapper") or ()):
                return self._watch_file(work, body)
            if self._digests or not _has_length(work):
                digest = self._hasher() if self._digests else None
                return _ReadBody(body, work, self.finish, digest)
            return _Body(body, work, self.finish)
        except Exception as error:
            self._switch.fail(error)
            _leave(work)
            return body

    def _watch_file(self, work: Work, body: Any) -> Any:
        # Servers send a file by sendfile if the body is of their own class: it must stay so.
        close = getattr(body, "close", None)

        def close_and_finish() -> None:
            try:
                if close is not None:
                    close()
            finally:
                self.finish(work, 0)

        body.close = close_and_finish
        return body

    def finish(self, work: Work, flags: int) -> None:
        """Write the row, once."""
        if not work.is_open:
            return
        try:
            self._write(work, flags)
        except Exception as error:
            self._switch.fail(error)
        finally:
            _leave(work)
            if self._stacks and self._recorder.serving.get(work.thread) is work:
                del self._recorder.serving[work.thread]

    def _write(self, work: Work, flags: int) -> None:
        recorder = self._recorder
        end = self._clock()
        cpu = 0
        if work.cpu_ns and get_ident() == work.thread:
            cpu = time.thread_time_ns() - work.cpu_ns
        route, endpoint = self._route(work)
        flags |= work.flags | _read_headers(work)
        if not work.has_view and recorder.sees_views:
            flags |= int(RequestFlag.NO_VIEW)
        if work.dropped:
            flags |= int(RequestFlag.TRUNCATED)
        body, query, identity = self._digest(work) if self._digests else (0, 0, 0)
        spans = b"".join(work.spans)
        count = len(spans) // wire.SPAN.size
        payload = (
            wire.REQUEST_HEAD.pack(
                work.start_ns, max(0, end - work.start_ns), max(0, cpu), _request_id(work.environ),
                body, query, identity, route, endpoint, min(max(0, work.body_bytes), _MAX_U32),
                work.dropped, count, _status(work.status), flags,
            )
            + spans
        )  # fmt: skip
        recorder.counts.requests += 1
        recorder.sink.append_served(wire.frame(wire.FrameKind.REQUEST, payload))

    def _route(self, work: Work) -> tuple[int, int]:
        names = self._recorder.names
        method = work.environ.get("REQUEST_METHOD", "")
        if method not in _METHODS:
            method = "(other method)"
        rule = work.rule
        if rule is None:
            endpoint = work.endpoint
            route = f"{method} (endpoint {endpoint})" if endpoint else f"{method} (no route)"
        else:
            endpoint = rule.endpoint
            route = f"{method} {rule.rule}"
        return names.id("route", route), names.id("endpoint", endpoint)

    def _hasher(self) -> Any:
        return hashlib.blake2b(digest_size=8, key=self._key)

    def _hash(self, text: str) -> int:
        digest = self._hasher()
        digest.update(text.encode("utf-8", "replace"))
        return int.from_bytes(digest.digest(), "little") or 1

    def _digest(self, work: Work) -> tuple[int, int, int]:
        get = work.environ.get
        query = self._hash(
            f"{get('SCRIPT_NAME', '')}{get('PATH_INFO', '')}?{get('QUERY_STRING', '')}"
        )
        credentials = f"{get('HTTP_AUTHORIZATION', '')}\n{get('HTTP_COOKIE', '')}"
        return work.body_digest, query, self._hash(credentials) if credentials != "\n" else 0


def _leave(work: Work) -> None:
    work.is_open = False
    if CURRENT.get() is work:
        outer = work.outer
        while outer is not None and not outer.is_open:
            outer = outer.outer
        CURRENT.set(outer)
    work.outer = None


def _request_id(environ: Any) -> int:
    text = environ.get("HTTP_X_ASSAY_REQUEST")
    if not text or not text.isdecimal() or len(text) > 20:
        return 0
    return int(text) & _MAX_U64


def _status(status: str) -> int:
    return int(status[:3]) if status[:3].isdecimal() else 0


def _has_length(work: Work) -> bool:
    return any(name.lower() == "content-length" for name, _ in work.headers)


def _read_headers(work: Work) -> int:
    flags = 0
    has_length = False
    for name, value in work.headers:
        field = name.lower()
        if field == "content-length":
            has_length = True
            if work.body_bytes < 0 and value.isdecimal():
                work.body_bytes = int(value)
        elif field in _FACTS:
            flags |= _FACTS[field](value.lower())
    if not has_length and work.status[:3] not in {"", "204", "304"}:
        flags |= _STREAMED
    return flags


def _vary(value: str) -> int:
    # Flask says so if the session was accessed.
    return int(RequestFlag.IDENTITY_READ) if "cookie" in value else 0


def _cache_control(value: str) -> int:
    flags = 0
    if "no-store" in value or "private" in value:
        flags |= RequestFlag.NO_STORE
    if "max-age" in value:
        flags |= RequestFlag.HAS_MAX_AGE
    return int(flags)


_FACTS: dict[str, Callable[[str], int]] = {
    "cache-control": _cache_control,
    "etag": lambda _: int(RequestFlag.HAS_VALIDATOR),
    "last-modified": lambda _: int(RequestFlag.HAS_VALIDATOR),
    "set-cookie": lambda _: int(RequestFlag.SETS_COOKIE),
    "vary": _vary,
}

SENSOR = Sensor("requests", {"flask.app": _install})
