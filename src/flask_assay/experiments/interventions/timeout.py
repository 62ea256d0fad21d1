"""The service behind a call stops answering; the call has a timeout, or waits as it does now.

What is behind the socket is really silent: the app waits in the system call that it would wait
in, and gets the error that its client library makes of it.
"""

import asyncio
import http.client
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from weakref import WeakKeyDictionary

from flask_assay.experiments.interventions.stand_in import (
    IsOn,
    Parameters,
    Undo,
    always,
    on_endpoint,
    put,
    undo,
)

__all__ = ["apply"]


def apply(app: Any, parameters: Parameters, is_on: IsOn = always) -> Undo:
    """Let an endpoint's calls to one target meet silence from now on.

    Parameters: "endpoint"; "target", method and host; and "timeout_s", the timeout that the
    call is given; without it the call keeps its own.
    """
    is_here = on_endpoint(parameters["endpoint"], is_on)
    target = str(parameters["target"])
    given = parameters.get("timeout_s")
    timeout_s = None if given is None else float(given)

    def is_wanted(method: str, host: str) -> bool:
        return f"{method} {host}" == target and is_here()

    restore = [*_http_client(is_wanted, timeout_s), *_httpx(is_wanted, timeout_s)]
    return undo(restore)


def _http_client(
    is_wanted: Callable[[str, str], bool], timeout_s: float | None
) -> list[Callable[[], None]]:
    owner: Any = http.client.HTTPConnection
    begin, get = owner.putrequest, owner.getresponse
    # apart from other changes of this kind in the same process
    methods: WeakKeyDictionary[Any, str] = WeakKeyDictionary()

    def putrequest(connection: Any, method: str, url: str, *given: Any, **named: Any) -> None:
        methods[connection] = method
        begin(connection, method, url, *given, **named)

    def getresponse(connection: Any) -> Any:
        method = methods.pop(connection, "")
        if connection.sock is None or not is_wanted(method, connection.host):
            return get(connection)
        here, other = socket.socketpair()
        own = connection.sock.gettimeout()
        here.settimeout(own if timeout_s is None else timeout_s)
        connection.sock.close()
        connection.sock = here
        try:
            return get(connection)
        finally:
            connection.close()  # nothing may come after half an exchange
            other.close()

    return [put(owner, "putrequest", putrequest), put(owner, "getresponse", getresponse)]


def _httpx(
    is_wanted: Callable[[str, str], bool], timeout_s: float | None
) -> list[Callable[[], None]]:
    try:
        import httpx
    except ImportError:
        return []
    plain: Any = httpx.HTTPTransport.handle_request
    awaited: Any = httpx.AsyncHTTPTransport.handle_async_request

    def silence_s(request: Any) -> float | None:
        own: float | None = (request.extensions.get("timeout") or {}).get("read")
        return own if timeout_s is None else timeout_s

    def handle_request(transport: Any, request: Any) -> Any:
        if not is_wanted(request.method, request.url.host):
            return plain(transport, request)
        _wait(silence_s(request))
        raise httpx.ReadTimeout("timed out", request=request)

    async def handle_async_request(transport: Any, request: Any) -> Any:
        if not is_wanted(request.method, request.url.host):
            return await awaited(transport, request)
        with suppress(TimeoutError):
            async with asyncio.timeout(silence_s(request)):
                await asyncio.Event().wait()
        raise httpx.ReadTimeout("timed out", request=request)

    return [
        put(httpx.HTTPTransport, "handle_request", handle_request),
        put(httpx.AsyncHTTPTransport, "handle_async_request", handle_async_request),
    ]


def _wait(seconds: float | None) -> None:
    """Wait for so long, or for ever."""
    while seconds is None:
        time.sleep(60.0)  # noqa: TID251 - as long as the service is silent
    time.sleep(seconds)  # noqa: TID251 - as long as the timeout allows
