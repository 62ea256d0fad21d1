"""In place of pytest-flask 1.3: its fixtures, options and marker.

The live server is a thread of this process: what the test committed, it sees, and both are in
the test's sandbox.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

__all__ = ["JSONResponse", "LiveServer"]

STOP_S = 5.0
_logger = logging.getLogger(__name__)


class JSONResponse:
    """Mixed into the app's response class: equal to its status code."""

    status_code: int

    def __eq__(self, other: object) -> bool:
        if isinstance(other, int):
            return self.status_code == other
        return super().__eq__(other)

    def __hash__(self) -> int:
        return super().__hash__()


class LiveServer:
    """What ``live_server`` is.

    Args:
        app: A Flask app.
        host: Where to listen.
        port: 0 takes any that is free.
        wait: Seconds that the start may take.
        clean_stop: Whether to wait for requests in flight.
    """

    def __init__(
        self,
        app: Any,
        host: str,
        port: int,
        wait: float,
        clean_stop: bool = False,  # noqa: FBT001, FBT002 - positional there as well
    ) -> None:
        from flask_assay.sandbox.resources.live_server import LiveServer as InThread

        self.app, self.wait, self.clean_stop = app, wait, clean_stop
        self._server = InThread(app, host=host, port=port)
        self.host, self.port = host, self._server.port

    @property
    def _process(self) -> threading.Thread | None:
        """The serving thread, by the name that tests look at for ``is_alive()``."""
        return self._server.thread

    def start(self) -> None:
        """Serve from now on; nothing if it does already."""
        if self._process is not None:
            return
        began = time.monotonic()
        self._server.__enter__()
        if time.monotonic() - began > self.wait:
            pytest.fail(f"Failed to start the server after {self.wait} seconds.")

    def url(self, url: str = "") -> str:
        """Return the URL of a path."""
        return self._server.url(url)

    def stop(self) -> None:
        """Stop; requests in flight are waited for, and named if they do not end."""
        if self.clean_stop:
            self._stop_cleanly()
        else:
            with contextlib.suppress(TimeoutError):
                self._server.stop(0)

    def _stop_cleanly(self, timeout: float = STOP_S) -> bool:
        try:
            self._server.stop(timeout)
        except Exception:
            _logger.exception("Failed to join the live server")
            return False
        return True

    def __repr__(self) -> str:
        return f"<LiveServer listening at {self.url()}>"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options, under the names and defaults that they have there."""
    group = parser.getgroup("flask", "flask-assay in place of pytest-flask")
    for option, target, value, text in (
        ("--start-live-server", "start_live_server", True, "start live_server when it is used"),
        ("--no-start-live-server", "start_live_server", False, "leave the start to the test"),
        ("--live-server-clean-stop", "live_server_clean_stop", True, "wait for open requests"),
        ("--no-live-server-clean-stop", "live_server_clean_stop", False, "do not wait for them"),
    ):
        action = "store_true" if value else "store_false"
        group.addoption(option, action=action, dest=target, default=True, help=text)
    group.addoption(
        "--live-server-wait", type=float, default=5, help="seconds that the start may take"
    )
    group.addoption("--live-server-host", default="localhost", help="where live_server listens")
    group.addoption(
        "--live-server-port", type=int, default=0, help="port of live_server; 0: any that is free"
    )
    parser.addini("live_server_scope", "scope of the live_server fixture", default="session")


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers."""
    config.addinivalue_line("markers", "options(**config): the app's configuration in this test")
    config.addinivalue_line("markers", "app(**options): for the suite's own app factory")


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """Explain a wrong status."""
    if isinstance(left, JSONResponse) and op == "==" and isinstance(right, int):
        status = getattr(left, "status", left.status_code)
        return [
            f"Mismatch in status code for response: {left.status_code} != {right}",
            f"Response status: {status}",
        ]
    return None


# -- around each test that uses ``app``; autouse fixtures of one scope run in alphabetical order --


@pytest.fixture(autouse=True)
def _configure_application(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Apply ``@pytest.mark.options``."""
    if "app" in request.fixturenames:
        config = request.getfixturevalue("app").config
        for marker in request.node.iter_markers("options"):
            for key, value in marker.kwargs.items():
                monkeypatch.setitem(config, key.upper(), value)


@pytest.fixture(autouse=True)
def _monkeypatch_response_class(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let responses be compared with a status code, unless they define ``json`` themselves."""
    if "app" in request.fixturenames:
        app = request.getfixturevalue("app")
        if "json" not in vars(app.response_class):
            both = type("JSONResponse", (app.response_class, JSONResponse), {})
            monkeypatch.setattr(app, "response_class", both)


@pytest.fixture(autouse=True)
def _push_request_context(request: pytest.FixtureRequest) -> Iterator[None]:
    """Push a request context for the whole test, after the live server named itself."""
    if "app" not in request.fixturenames:
        yield
        return
    if "live_server" in request.fixturenames:
        request.getfixturevalue("live_server")
    with request.getfixturevalue("app").test_request_context():
        yield


# -- fixtures ------------------------------------------------------------------------------------


@pytest.fixture
def client(app: Any) -> Iterator[Any]:
    """A test client; the context of its last request is kept until the test ends."""
    with app.test_client() as client:
        yield client


@pytest.fixture
def client_class(request: pytest.FixtureRequest, client: Any) -> None:
    """Set ``client`` on the test's class."""
    if request.cls is not None:
        request.cls.client = client


@pytest.fixture
def config(app: Any) -> Any:
    """The app's configuration."""
    return app.config


def _scope(fixture_name: str, config: pytest.Config) -> Any:
    return config.getini("live_server_scope")


@pytest.fixture(scope=_scope)
def live_server(request: pytest.FixtureRequest, app: Any) -> Iterator[LiveServer]:
    """The app behind a real socket; ``url_for(..., _external=True)`` leads there."""
    option = request.config.getoption
    port = app.config.get("LIVESERVER_PORT") or option("live_server_port")
    server = LiveServer(
        app,
        option("live_server_host"),
        port,
        option("live_server_wait"),
        option("live_server_clean_stop"),
    )
    original = app.config["SERVER_NAME"]
    name = (original or "localhost.localdomain").partition(":")[0]
    app.config["SERVER_NAME"] = f"{name}:{server.port}"
    try:
        if option("start_live_server"):
            server.start()
        yield server
    finally:
        server.stop()
        app.config["SERVER_NAME"] = original


@pytest.fixture(params=["application/json", "text/html"])
def mimetype(request: pytest.FixtureRequest) -> Any:
    """Each of two content types."""
    return request.param


@pytest.fixture
def accept_mimetype(mimetype: str) -> list[tuple[str, str]]:
    """An ``Accept`` header of each content type."""
    return [("Accept", mimetype)]


@pytest.fixture
def accept_json() -> list[tuple[str, str]]:
    """An ``Accept`` header of JSON."""
    return [("Accept", "application/json")]


@pytest.fixture
def accept_jsonp() -> list[tuple[str, str]]:
    """An ``Accept`` header of JSON with padding."""
    return [("Accept", "application/json-p")]


@pytest.fixture(params=["*", "*/*"])
def accept_any(request: pytest.FixtureRequest) -> list[tuple[str, str]]:
    """An ``Accept`` header of anything, written in both ways."""
    return [("Accept", request.param)]
