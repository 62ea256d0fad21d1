"""Outbound HTTP: each exchange of ``http.client`` (urllib, urllib3, requests …) and of httpx.

A call is timed until its headers are there: waiting for a body that comes later is not counted.
"""

import re
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from flask_assay.model.rows import SpanFlag, SpanKind
from flask_assay.probe.recorder import Recorder
from flask_assay.probe.wiring import Sensor, Wiring
from flask_assay.recording.wire import SPAN

__all__ = ["SENSOR", "path_shape"]

_CALL = "_assay_call"
_CONNECTED = "_assay_connected"
# A segment that is not plainly a word may be somebody's value.
_WORD = re.compile(r"[A-Za-z][A-Za-z_.-]{0,31}|v\d{1,2}")
MAX_SEGMENTS = 8
_SAFE = frozenset({"GET", "HEAD"})
_TOO_MANY = 429


def path_shape(url: str) -> str:
    """Return the path of a URL without its values: "/orders/{}/items".

    Example:
        >>> path_shape("https://api.example/v1/orders/17/items?token=x")
        '/v1/orders/{}/items'
    """
    segments = urlsplit(url).path.split("/")[: MAX_SEGMENTS + 1]
    return "/".join(s if not s or _WORD.fullmatch(s) else "{}" for s in segments)


class _Call:
    __slots__ = ("detail", "digest", "flags", "name", "site", "start_ns")

    def __init__(
        self, start_ns: int, name: int, site: int, detail: int, flags: int, digest: int
    ) -> None:
        self.start_ns = start_ns
        self.digest = digest
        self.name = name
        self.site = site
        self.detail = detail
        self.flags = flags


def _install_http_client(wiring: Wiring, module: ModuleType) -> None:
    calls = _Calls(wiring.recorder)
    owner = module.HTTPConnection
    wiring.around(owner, "putrequest", calls.before_putrequest, calls.after_putrequest)
    wiring.around(owner, "getresponse", calls.before_getresponse, calls.after_call)
    wiring.around(owner, "connect", calls.before_connect, calls.after_connect)


def _install_urllib3(wiring: Wiring, module: ModuleType) -> None:
    calls = _Calls(wiring.recorder)
    # They connect by themselves, and over TLS before the request is put.
    for owner in (module.HTTPConnection, module.HTTPSConnection):
        if "connect" in vars(owner):
            wiring.around(owner, "connect", calls.before_connect, calls.after_connect)


def _install_httpx(wiring: Wiring, module: ModuleType) -> None:
    calls = _Calls(wiring.recorder)
    wiring.around(
        module.HTTPTransport, "handle_request", calls.before_handle_request, calls.after_call
    )
    wiring.around_async(
        module.AsyncHTTPTransport,
        "handle_async_request",
        calls.before_handle_request,
        calls.after_call,
    )


class _Calls:
    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def before_connect(self, connection: Any, *_args: Any) -> tuple[Any, int, bool] | None:
        if _CONNECTED in vars(connection):
            return None  # a subclass that calls its parent
        vars(connection)[_CONNECTED] = start = self._recorder.clock()
        return connection, start, _CALL in vars(connection)

    def after_connect(
        self, token: tuple[Any, int, bool], result: Any, raised: BaseException | None
    ) -> None:
        connection, start, has_call = token
        if has_call or raised is not None:
            vars(connection).pop(_CONNECTED, None)
        if raised is None:
            return
        call = vars(connection).pop(_CALL, None) or self._call(
            start, "CONNECT", connection.host, ""
        )
        self.after_call(call, None, raised)

    def before_putrequest(
        self, connection: Any, method: str, url: str, *_args: Any, **_kwargs: Any
    ) -> Any:
        # A connection made for this request belongs to its time.
        start = vars(connection).pop(_CONNECTED, None) or self._recorder.clock()
        vars(connection)[_CALL] = self._call(start, method, connection.host, url)
        return connection

    def after_putrequest(self, connection: Any, result: Any, raised: BaseException | None) -> None:
        if raised is not None:
            vars(connection).pop(_CALL, None)

    def before_getresponse(self, connection: Any, *_args: Any, **_kwargs: Any) -> _Call | None:
        call: _Call | None = vars(connection).pop(_CALL, None)
        sock = getattr(connection, "sock", None)
        # The socket knows best: libraries set, inherit and reset timeouts until this moment.
        if call is not None and sock is not None and sock.gettimeout() is None:
            call.flags |= SpanFlag.NO_TIMEOUT
        return call

    def before_handle_request(self, transport: Any, request: Any) -> _Call:
        call = self._call(
            self._recorder.clock(),
            request.method,
            request.url.host,
            request.url.raw_path.decode("ascii", "replace"),
        )
        if (request.extensions.get("timeout") or {}).get("read") is None:
            call.flags |= SpanFlag.NO_TIMEOUT
        return call

    def after_call(self, call: _Call, result: Any, raised: BaseException | None) -> None:
        # http.client says "status", httpx "status_code"; what may succeed when tried again failed.
        status = getattr(result, "status", None) or getattr(result, "status_code", None) or 0
        failed = raised is not None or status >= 500 or status == _TOO_MANY
        flags = int(call.flags | (SpanFlag.ERROR if failed else 0))
        wall = self._recorder.clock() - call.start_ns
        self._recorder.keep(
            SPAN.pack(
                int(SpanKind.HTTP), flags, 0, call.name, call.site, call.detail, call.start_ns,
                wall, -1, call.digest,
            )
        )  # fmt: skip

    def _call(self, start: int, method: str, host: str, url: str) -> _Call:
        recorder = self._recorder
        name = recorder.names.id("host", f"{method} {host}"[:200])
        detail = recorder.names.id("path", path_shape(url))
        # Only of calls without a body: of others the URL does not say what was asked.
        digest = hash((recorder.salt, method, host, url)) & 0xFFFFFFFF if method in _SAFE else 0
        return _Call(start, name, recorder.site(), detail, recorder.transaction_flag(), digest)


SENSOR = Sensor(
    "outbound-http",
    {
        "http.client": _install_http_client,
        "urllib3.connection": _install_urllib3,
        "httpx._transports.default": _install_httpx,
    },
)
