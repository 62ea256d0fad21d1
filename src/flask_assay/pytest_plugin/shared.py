"""One server for all of xdist's workers: provided while they start."""

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from flask_assay.sandbox.admin import Admin
from flask_assay.sandbox.attach import Attachment
from flask_assay.sandbox.ready import prepare
from flask_assay.sandbox.template import Provision, read_provision, write_provision
from flask_assay.services.waiting import wait_until

__all__ = ["SharedServer", "wait_for_server"]

LONGEST_BUILD_S = 3600.0
"""A template may take so long: hundreds of migrations, a large seed."""
PAUSE_S = 0.01
"""Workers are ready about when the server is: looking is cheap, and each pause delays a test."""
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

    def close(self) -> None:
        """Wait for what is being cloned. Idempotent."""
        if self._thread is not None:
            self._thread.join(10)
            self._thread = None
        if self._admin is not None:
            self._admin.close()
            self._admin = None


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
