"""Who isolates tests in this process: at most one, so that two ways in do not patch twice."""

from typing import Any, Protocol

from flask_assay.sandbox.sandbox import Sandbox

__all__ = ["ActiveHost", "activate", "active_host", "deactivate"]


class ActiveHost(Protocol):
    """What isolates every test of the process, whoever runs it."""

    @property
    def sandbox(self) -> Sandbox:
        """The sandbox."""
        ...

    def provide(self) -> Any:
        """Return server, templates and app."""
        ...


_hosts: list[ActiveHost] = []


def activate(host: ActiveHost) -> None:
    """Say that `host` checks out each test from now on."""
    _hosts.append(host)


def deactivate(host: ActiveHost) -> None:
    """Undo `activate`; idempotent."""
    if host in _hosts:
        _hosts.remove(host)


def active_host() -> ActiveHost | None:
    """Return who isolates the tests of this process, if anybody does."""
    return _hosts[-1] if _hosts else None
