"""Counts exchanges where they leave the process, and keeps load on the target.

Two transports are tapped below all retries and redirects: ``http.client``, on which
requests, urllib3 and urllib stand, and geventhttpclient, on which FastHttpUser stands.
Each exchange carries ``X-Assay-Request``; an address other than the target is refused.
"""

import http.client
import socket
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any
from urllib.parse import urlsplit

import gevent.socket
from geventhttpclient.client import HTTPClient
from geventhttpclient.connectionpool import ConnectionPool
from geventhttpclient.response import HTTPConnectionClosed

from flask_assay.load.worker.calls import BODY_LIMIT, Call, CallBook, Sent
from flask_assay.load.worker.target_guard import TargetGuard

__all__ = ["WireTap"]

REQUEST_ID_HEADER = "X-Assay-Request"
REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
LOST_CONNECTION = (HTTPConnectionClosed, ConnectionResetError, BrokenPipeError)


class WireTap:
    """Taps both transports of this process; there is no way back, the process ends with it."""

    def __init__(self, book: CallBook, guard: TargetGuard) -> None:
        self._book = book
        self._guard = guard
        self._connection: ContextVar[str] = ContextVar("connection", default="reused")

    def install(self) -> None:
        """Replace the methods through which exchanges leave."""
        self._tap_http_client()
        self._tap_geventhttpclient()
        self._resolve_once()

    def _tap_http_client(self) -> None:
        connection: Any = http.client.HTTPConnection
        endheaders, getresponse = connection.endheaders, connection.getresponse
        book, guard = self._book, self._guard

        def tapped_endheaders(self: Any, *args: Any, **kwargs: Any) -> Any:
            guard.check(self.host, self.port)
            call = book.current.get()
            if call is None:
                call = self._assay_stray = book.open(_stray_name(self._buffer))
            self._assay_call = call
            self.putheader(REQUEST_ID_HEADER, str(book.exchange(call)))
            try:
                return endheaders(self, *args, **kwargs)
            except BaseException as error:
                if self.sock is None:
                    book.not_sent(call)
                _end_stray(book, self, error=error)
                raise

        def tapped_getresponse(self: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                response = getresponse(self, *args, **kwargs)
            except BaseException as error:
                _end_stray(book, self, error=error)
                raise
            call = getattr(self, "_assay_call", None)
            if call is not None:
                book.responded(call)
            _end_stray(book, self, status=response.status)
            return response

        connection.endheaders, connection.getresponse = tapped_endheaders, tapped_getresponse

    def _tap_geventhttpclient(self) -> None:
        send: Callable[..., Any] = HTTPClient.request
        create = ConnectionPool._create_socket
        state = self._connection

        def tapped_request(
            self_: Any, method: str, uri: str, body: Any = b"", headers: Any = None
        ) -> Any:
            return self._request(send, self_, (method, uri, body, headers))

        def tapped_create(self_: Any) -> Any:
            state.set("connecting")
            connection = create(self_)
            state.set("fresh")
            return connection

        HTTPClient.request = tapped_request
        ConnectionPool._create_socket = tapped_create

    def _request(self, send: Callable[..., Any], client: Any, what: tuple[Any, ...]) -> Any:
        self._guard.check(client.host, client.port)
        book = self._book
        call = book.current.get()
        if call is not None:
            return self._attempts(send, client, what, call)
        stray = book.open(f"{what[0]} {urlsplit(what[1]).path} (not by self.client)")
        try:
            response = self._attempts(send, client, what, stray)
        except BaseException as error:
            book.close(stray, error=f"{type(error).__name__}: {error}"[:200])
            raise
        book.answered(stray, response.get_code())
        book.close(stray)
        return response

    def _attempts(
        self, send: Callable[..., Any], client: Any, what: tuple[Any, ...], call: Call
    ) -> Any:
        method, uri, body, headers = what
        # The client would repeat an exchange by itself, up to its pool's size, under the
        # same id and also on a fresh connection, where a lost one is a failure.
        client._connection_pool.size = -1
        while True:
            marked = client.headers_type()
            marked.update(headers or {})
            if call.sent is None:
                call.sent = _sent(method, uri, client, marked, body)
            marked[REQUEST_ID_HEADER] = str(self._book.exchange(call))
            self._connection.set("reused")
            try:
                response = send(client, method, uri, body, marked)
            except BaseException as error:
                if self._connection.get() == "connecting":
                    self._book.not_sent(call)
                if not self._was_stale(error, method, body):
                    raise
                self._book.reconnected()
            else:
                self._book.responded(call)
                return response

    def _was_stale(self, error: BaseException, method: str, body: Any) -> bool:
        """Whether a kept-alive connection had ended, and sending again is harmless."""
        return (
            isinstance(error, LOST_CONNECTION)
            and self._connection.get() == "reused"
            and method.upper() in REPEATABLE
            and (body is None or isinstance(body, bytes | str))
        )

    def _resolve_once(self) -> None:
        target = self._guard.target
        resolve = gevent.socket.getaddrinfo
        answers = _reachable(resolve(target.host, target.port, 0, socket.SOCK_STREAM))

        def getaddrinfo(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
            if host == target.host and port == target.port:
                return answers
            return resolve(host, port, *args, **kwargs)

        gevent.socket.getaddrinfo = socket.getaddrinfo = getaddrinfo


def _reachable(answers: list[Any]) -> list[Any]:
    """Return the first address that accepts a connection, or all of them if none does."""
    for answer in answers:
        family, kind, protocol, _, address = answer
        try:
            with socket.socket(family, kind, protocol) as connection:
                connection.settimeout(5)
                connection.connect(address)
        except OSError:
            continue
        return [answer]
    return answers


def _sent(method: str, uri: str, client: Any, headers: Any, body: Any) -> Sent:
    content = body.encode() if isinstance(body, str) else body
    content = content if isinstance(content, bytes) else b""
    everything = {**dict(client.default_headers.items()), **dict(headers.items())}
    return Sent(method.upper(), uri, everything, content[: BODY_LIMIT + 1])


def _stray_name(buffer: list[bytes]) -> str:
    method, _, rest = buffer[0].decode("latin-1").partition(" ")
    return f"{method} {urlsplit(rest.partition(' ')[0]).path} (not by self.client)"


def _end_stray(
    book: CallBook, connection: Any, *, status: int = 0, error: BaseException | None = None
) -> None:
    call = getattr(connection, "_assay_stray", None)
    if call is None:
        return
    connection._assay_stray = None
    if status:
        book.answered(call, status)
    message = "" if error is None else f"{type(error).__name__}: {error}"[:200]
    book.close(call, error=message)
