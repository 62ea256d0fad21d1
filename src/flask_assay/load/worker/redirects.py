"""Keeps both clients from following a redirect that leads away from the target.

An app may well send its visitors elsewhere, to a payment page say. The visitor's request
is then answered by the redirect itself, which is no failure, and nobody else gets load.
"""

from typing import Any

import requests
from locust.clients import HttpSession
from locust.contrib.fasthttp import FastHttpSession, FastRequest, LocustUserAgent

from flask_assay.load.worker.target_guard import TargetGuard

__all__ = ["stay_on_target"]


class _LeadsAwayError(BaseException):
    """Leaves the client's redirect loop, which swallows every ``Exception``."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.answer = answer


def stay_on_target(guard: TargetGuard) -> None:
    """Teach both clients of Locust which redirects to follow and which requests to refuse."""
    _teach_requests(guard)
    _teach_fast_client(guard)


def _teach_requests(guard: TargetGuard) -> None:
    find = requests.Session.get_redirect_target
    send = requests.adapters.HTTPAdapter.send

    def get_redirect_target(session: Any, response: Any) -> Any:
        location = find(session, response)
        return location if location is None or guard.allows_url(location) else None

    def adapter_send(adapter: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        guard.check_url(request.url)
        return send(adapter, request, *args, **kwargs)

    HttpSession.get_redirect_target = get_redirect_target
    requests.adapters.HTTPAdapter.send = adapter_send


def _teach_fast_client(guard: TargetGuard) -> None:
    urlopen, redirect = LocustUserAgent._urlopen, FastRequest.redirect
    send = FastHttpSession._send_request_safe_mode

    def fast_urlopen(agent: Any, request: Any) -> Any:
        response = urlopen(agent, request)
        location = response.headers.get("location")
        if isinstance(location, str) and not guard.allows_url(location):
            request._assay_answer = response
            _ = response.content  # read it while the connection is ours
        return response

    def fast_redirect(request: Any, code: int, location: str) -> None:
        if not guard.allows_url(location):
            raise _LeadsAwayError(request._assay_answer)
        redirect(request, code, location)

    def fast_send(session: Any, method: str, url: str, **kwargs: Any) -> Any:
        try:
            return send(session, method, url, **kwargs)
        except _LeadsAwayError as signal:
            return signal.answer

    LocustUserAgent._urlopen = fast_urlopen
    FastRequest.redirect = fast_redirect
    FastHttpSession._send_request_safe_mode = fast_send
