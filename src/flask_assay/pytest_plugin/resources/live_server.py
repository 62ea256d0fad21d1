"""A live server in a thread: real sockets, the test's own transaction."""

import threading
from types import TracebackType
from typing import Any, Self

__all__ = ["LiveServer"]

STOP_S = 10.0


class LiveServer:
    """Serves an app on a loopback port that it binds itself.

    Args:
        app: A Flask app.
    """

    def __init__(self, app: Any) -> None:
        self.app = app
        self._server: Any = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._running: dict[int, str] = {}

    def __enter__(self) -> Self:
        from werkzeug.serving import make_server

        self._server = make_server("127.0.0.1", 0, self._counted, threaded=True)
        self._server.daemon_threads = False
        self._server.block_on_close = True
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": 0.01},
            name="assay-live-server",
            daemon=True,
        )
        self._thread.start()
        return self

    def _counted(self, environ: Any, start_response: Any) -> Any:
        key = threading.get_ident()
        with self._lock:
            self._running[key] = f"{environ['REQUEST_METHOD']} {environ.get('PATH_INFO', '')}"
        try:
            return self.app(environ, start_response)
        finally:
            with self._lock:
                self._running.pop(key, None)

    @property
    def port(self) -> int:
        """The port."""
        return int(self._server.server_port)

    def url(self, path: str = "") -> str:
        """Return the URL of a path.

        Example: ``requests.get(assay_live_server.url("/orders"))``
        """
        return f"http://127.0.0.1:{self.port}{path}"

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop, and wait for requests in flight.

        Raises:
            TimeoutError: Requests did not end; the message names them.
        """
        self._server.shutdown()
        closer = threading.Thread(target=self._server.server_close, daemon=True)
        closer.start()
        closer.join(STOP_S)
        if closer.is_alive():
            late = ", ".join(self._running.values()) or "an open connection"
            raise TimeoutError(f"the live server could not stop within {STOP_S:.0f} s: {late}")
