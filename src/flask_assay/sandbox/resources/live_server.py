"""A live server in a thread: real sockets, the test's own transaction."""

import contextlib
import socket
import threading
from types import TracebackType
from typing import Any, Self

from flask_assay.services.waiting import WaitTimeoutError, wait_until

__all__ = ["LiveServer"]

STOP_S = 10.0


class LiveServer:
    """Serves an app on a port that is taken at once and answers from ``with`` on.

    Args:
        app: A Flask app.
        host: Where to listen.
        port: 0 takes any that is free.

    Attributes:
        thread: The one that accepts connections; None when it does not serve.
    """

    def __init__(self, app: Any, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.app, self.host = app, host
        self.thread: threading.Thread | None = None
        self._socket = _bound(host, port)
        self.port: int = self._socket.getsockname()[1]
        self._server: Any = None
        self._lock = threading.Lock()
        self._running: dict[int, str] = {}
        self._open: dict[socket.socket, int] = {}

    def __enter__(self) -> Self:
        from werkzeug.serving import make_server

        self._socket.listen(128)
        self._server = make_server(
            self.host, self.port, self._counted, threaded=True, fd=self._socket.fileno()
        )
        self._accept = self._server.process_request
        self._handle = self._server.process_request_thread
        self._server.process_request = self._accepted
        self._server.process_request_thread = self._connected
        self.thread = threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": 0.01},
            name="assay-live-server",
            daemon=True,
        )
        self.thread.start()
        return self

    def _accepted(self, request: socket.socket, client: Any) -> None:
        with self._lock:
            self._open[request] = 0
        self._accept(request, client)

    def _connected(self, request: socket.socket, client: Any) -> None:
        with self._lock:
            self._open[request] = threading.get_ident()
        try:
            self._handle(request, client)
        finally:
            with self._lock:
                del self._open[request]

    def _counted(self, environ: Any, start_response: Any) -> Any:
        key = threading.get_ident()
        with self._lock:
            self._running[key] = f"{environ['REQUEST_METHOD']} {environ.get('PATH_INFO', '')}"
        try:
            return self.app(environ, start_response)
        finally:
            with self._lock:
                self._running.pop(key, None)

    def url(self, path: str = "") -> str:
        """Return the URL of a path.

        Example: ``requests.get(assay_live_server.url("/orders"))``
        """
        return f"http://{self.host}:{self.port}{path}"

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop(STOP_S)

    def stop(self, timeout_s: float) -> None:
        """Stop, and wait for requests in flight. Idempotent.

        Raises:
            TimeoutError: Requests did not end; the message names them.
        """
        self._socket.close()
        if self.thread is None:
            return
        serving, self.thread = self.thread, None
        self._server.shutdown()
        try:
            wait_until(lambda: self._has_ended(serving), timeout_s=timeout_s, what="it stops")
        except WaitTimeoutError as late:
            names = ", ".join(self._running.values()) or "an open connection"
            raise TimeoutError(
                f"the live server could not stop within {timeout_s:g} s: {names}"
            ) from late

    def _has_ended(self, serving: threading.Thread) -> bool:
        """Hang up where no request is running: browsers keep connections they do not use."""
        with self._lock:
            idle = [one for one, thread in self._open.items() if thread not in self._running]
            for connection in idle:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RD)
            return not self._open and not serving.is_alive()


def _bound(host: str, port: int) -> socket.socket:
    """Return a socket that has the port and refuses connections until it listens."""
    found = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        if port:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((host, port))
    except OSError:
        found.close()
        raise
    return found
