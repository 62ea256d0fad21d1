"""Answer an outbound HTTP call from memory, at once: what the route takes without the wait.

An upper bound, simulated: the first answer to each request is kept, later ones are made of it
without a byte on the wire. Covers ``http.client`` and what stands on it (urllib3, requests,
botocore), and both clients of httpx; aiohttp is not covered.
"""

import asyncio
import http.client
import io
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

_OWN_HEADERS = frozenset({"transfer-encoding", "content-length", "connection"})


class _Memory:
    """Stands in for a socket: swallows the request, holds the answer."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    def sendall(self, data: object) -> None:
        """Swallow the request."""

    def settimeout(self, seconds: object) -> None:
        """Never wait."""

    def close(self) -> None:
        """Nothing is open."""

    def makefile(self, mode: str = "rb", *_given: object) -> io.BytesIO:
        """Return the answer as a file."""
        return io.BytesIO(self._answer)


def apply(app: Any, parameters: Parameters, is_on: IsOn = always) -> Undo:
    """Answer an endpoint's calls to one target from memory from now on.

    Parameters: "endpoint"; "target", method and host ("GET api.example"); and, optionally,
    "delay_s", how long each answer takes.
    """
    is_here = on_endpoint(parameters["endpoint"], is_on)
    target = str(parameters["target"])
    calls = _Calls(
        lambda method, host: f"{method} {host}" == target and is_here(),
        float(parameters.get("delay_s", 0.0)),
    )
    return calls.attach()


class _Calls:
    """The calls of one target, and what they were answered."""

    def __init__(self, is_wanted: Callable[[str, str], bool], delay_s: float) -> None:
        self._is_wanted, self._delay_s = is_wanted, delay_s
        self._answers: dict[tuple[str, str, Any, str], bytes] = {}
        # by connection, and apart from other changes of this kind in the same process
        self._canned: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()
        self._wanted: WeakKeyDictionary[Any, tuple[str, str, Any, str]] = WeakKeyDictionary()

    def attach(self) -> Callable[[], None]:
        """Answer from memory from now on; return what takes it back."""
        owner: Any = http.client.HTTPConnection
        begin, get = owner.putrequest, owner.getresponse

        def putrequest(connection: Any, method: str, url: str, *given: Any, **named: Any) -> None:
            if self._is_wanted(method, connection.host):
                self._prepare(connection, (method, connection.host, connection.port, url))
            begin(connection, method, url, *given, **named)

        def getresponse(connection: Any) -> Any:
            return self._answer(connection, get)

        restore = [put(owner, "putrequest", putrequest), put(owner, "getresponse", getresponse)]
        with suppress(ImportError):
            restore += _HttpxCalls(self._is_wanted, self._delay_s).attach()
        return undo(restore)

    def _prepare(self, connection: Any, key: tuple[str, str, Any, str]) -> None:
        if key in self._answers:
            self._canned[connection] = connection.sock
            connection.sock = _Memory(self._answers[key])
        else:
            self._wanted[connection] = key

    def _answer(self, connection: Any, get: Callable[[Any], Any]) -> Any:
        wanted = self._wanted.pop(connection, None)
        if connection in self._canned:
            real = self._canned.pop(connection)
            try:
                time.sleep(self._delay_s)  # noqa: TID251 - what the call is said to take
                return get(connection)
            finally:
                connection.sock = real  # the next real call goes on where it was
        response = get(connection)
        if wanted is None:
            return response
        self._answers[wanted] = _bytes(response)
        memory: Any = _Memory(self._answers[wanted])
        again = http.client.HTTPResponse(memory, method=wanted[0])
        again.begin()
        return again


class _HttpxCalls:
    """The calls of one target by either client of httpx, and what they were answered."""

    def __init__(self, is_wanted: Callable[[str, str], bool], delay_s: float) -> None:
        self._is_wanted, self._delay_s = is_wanted, delay_s
        self._answers: dict[tuple[str, str, bytes], tuple[int, Any, bytes]] = {}

    def attach(self) -> list[Callable[[], None]]:
        """Answer from memory from now on; return what takes it back."""
        import httpx

        plain, awaited = httpx.HTTPTransport, httpx.AsyncHTTPTransport
        return [
            put(plain, "handle_request", self._sync(plain.handle_request)),
            put(awaited, "handle_async_request", self._async(awaited.handle_async_request)),
        ]

    def _sync(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def handle_request(transport: Any, request: Any) -> Any:
            if not self._is_wanted(request.method, request.url.host):
                return original(transport, request)
            key = (request.method, str(request.url), request.read())
            if key in self._answers:
                time.sleep(self._delay_s)  # noqa: TID251 - what the call is said to take
            else:
                response = original(transport, request)
                self._keep(key, response, b"".join(response.iter_raw()))
                response.close()
            return self._again(key)

        return handle_request

    def _async(self, original: Callable[..., Any]) -> Callable[..., Any]:
        async def handle_async_request(transport: Any, request: Any) -> Any:
            if not self._is_wanted(request.method, request.url.host):
                return await original(transport, request)
            key = (request.method, str(request.url), await request.aread())
            if key in self._answers:
                await asyncio.sleep(self._delay_s)
            else:
                response = await original(transport, request)
                self._keep(key, response, b"".join([part async for part in response.aiter_raw()]))
                await response.aclose()
            return self._again(key)

        return handle_async_request

    def _keep(self, key: tuple[str, str, bytes], response: Any, body: bytes) -> None:
        self._answers[key] = (response.status_code, response.headers, body)

    def _again(self, key: tuple[str, str, bytes]) -> Any:
        import httpx

        status, headers, body = self._answers[key]
        return httpx.Response(status, headers=headers, stream=httpx.ByteStream(body))


def _bytes(response: http.client.HTTPResponse) -> bytes:
    body = response.read()
    kept = [
        f"{name}: {value}"
        for name, value in response.getheaders()
        if name.lower() not in _OWN_HEADERS
    ]
    head = [f"HTTP/1.1 {response.status} {response.reason}", *kept, f"Content-Length: {len(body)}"]
    return "\r\n".join([*head, "", ""]).encode("latin-1") + body
