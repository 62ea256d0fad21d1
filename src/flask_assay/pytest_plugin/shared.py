"""One server for all of xdist's workers: provided while they start."""

import contextlib
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from flask_assay.sandbox.admin import Admin
from flask_assay.sandbox.attach import Attachment
from flask_assay.sandbox.provision import Provision, read_provision, write_provision
from flask_assay.sandbox.ready import prepare
from flask_assay.services.waiting import wait_until

__all__ = ["SharedServer", "leave", "wait_for_server"]

LONGEST_BUILD_S = 3600.0
"""A template may take so long: hundreds of migrations, a large seed."""
PAUSE_S = 0.01
"""Workers are ready about when the server is: looking is cheap, and each pause delays a test."""
LONGEST_END_S = 600.0
"""Workers that did not let go by then are left to the end of the session."""
_ERROR = "error"


class SharedServer:
    """What the controlling process does for its workers.

    Args:
        state: File by which they find the server.
        workers: Their names.
    """

    def __init__(self, state: Path, workers: list[str]) -> None:
        self.state, self._workers = state, workers
        self._thread: threading.Thread | None = None
        self._ending: threading.Thread | None = None
        self._is_closing = False
        self._admin: Admin | None = None

    def publish(self, provide: Callable[[], Provision], attachment: Attachment) -> None:
        """Write the state, or why there is none, then clone ahead of the workers.

        Args:
            provide: Returns the server; what it raises is told to the workers, too.
            attachment: Knows the driver.
        """
        beside = self.state.with_suffix(".part")
        try:
            provision = provide()
            write_provision(provision, beside)
        except BaseException as error:
            beside.write_text(json.dumps({_ERROR: str(error)}))
            raise
        finally:
            beside.replace(self.state)
        admin = self._admin = Admin(provision.server, attachment.own_connect())
        templates = [template.db for template in provision.templates]
        self._thread = threading.Thread(
            target=prepare, args=(admin, templates, self._workers), name="assay-ready", daemon=True
        )
        self._thread.start()

    def when_left(self, stop: Callable[[], None]) -> None:
        """Stop the server, in a thread, once every worker has said that it let go of it.

        Their processes take a while to end, which the session waits for. A worker that crashed
        says nothing: then it is stopped when the session ends.
        """
        self._ending = threading.Thread(target=self._stop_when_left, args=(stop,), name="assay-end")
        self._ending.start()

    def _stop_when_left(self, stop: Callable[[], None]) -> None:
        with contextlib.suppress(Exception):  # who closes comes upon it again, and tells
            wait_until(
                lambda: self._is_closing or all(map(self._has_left, self._workers)),
                timeout_s=LONGEST_END_S,
                what="the workers let go of the server",
                longest_pause_s=PAUSE_S,
            )
            if not self._is_closing:
                self._finish_clones()
                stop()

    def _has_left(self, worker: str) -> bool:
        return _sign(self.state, worker).exists()

    def close(self) -> None:
        """Wait for what is being cloned or stopped. Idempotent."""
        self._is_closing = True
        if self._ending is not None:
            self._ending.join()
            self._ending = None
        self._finish_clones()

    def _finish_clones(self) -> None:
        if self._thread is not None:
            self._thread.join(10)
            self._thread = None
        if self._admin is not None:
            self._admin.close()
            self._admin = None


def leave(state: str, worker: str) -> None:
    """Say, as a worker, that nothing here uses the server any more; idempotent."""
    if state:
        with contextlib.suppress(OSError):  # the session is over
            _sign(Path(state), worker).touch()


def _sign(state: Path, worker: str) -> Path:
    return state.with_name(f"{worker}.left")


def wait_for_server(state: Path) -> Provision:
    """Return what the controlling process published, as a worker.

    Raises:
        pytest.exit.Exception: It has no server, or is gone.
    """
    parent = os.getppid()
    is_over = wait_until(
        lambda: state.exists() or os.getppid() != parent,
        timeout_s=LONGEST_BUILD_S,
        what="the server is provided",
        longest_pause_s=PAUSE_S,
    )
    assert is_over
    document = json.loads(state.read_text()) if state.exists() else {_ERROR: "pytest is gone"}
    if _ERROR in document:
        raise pytest.exit.Exception(document[_ERROR], pytest.ExitCode.USAGE_ERROR)
    return read_provision(state)
