"""Ties Locust's clients to calls: each request of a virtual user is one call."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import requests
from gevent import GreenletExit
from locust.clients import HttpSession
from locust.clients import ResponseContextManager as HttpResponse
from locust.contrib.fasthttp import FastHttpSession
from locust.contrib.fasthttp import ResponseContextManager as FastResponse

from flask_assay.load.worker.answers import heard
from flask_assay.load.worker.calls import BODY_LIMIT, Call, CallBook, Sent

__all__ = ["ClientTap"]

MESSAGE_LIMIT = 200
HEX_ADDRESS = re.compile(r"0x[0-9a-fA-F]{4,}")


class ClientTap:
    """Opens a call around each request and closes it when Locust reports it.

    Args:
        book: Where calls are opened.
    """

    def __init__(self, book: CallBook) -> None:
        self._book = book
        self._user_count = 0

    def install(self, events: Any) -> None:
        """Wrap both client classes and listen to their reports, before any listener of the user's.

        A listener may raise to stop its user; the ones after it are then not called.
        """
        for session in (HttpSession, FastHttpSession):
            session.request = self._wrapped_request(session.request)
        for response in (HttpResponse, FastResponse):
            response.__exit__ = self._wrapped_exit(response.__exit__)
        events.request.add_listener(self._on_request)

    def _wrapped_request(self, original: Callable[..., Any]) -> Callable[..., Any]:
        book = self._book

        def request(session: Any, method: Any, url: Any, *args: Any, **kwargs: Any) -> Any:
            given = kwargs.get("name") or (args[0] if args else None) or session.request_name
            number, due = self._who(session.user)
            call = book.open(f"{_text(method)} {_text(given or url)}", user=number, due_ns=due)
            token = book.current.set(call)
            try:
                answer = original(session, method, url, *args, **kwargs)
            except BaseException as error:
                book.close(call, error=_message(error, 0))
                raise
            finally:
                book.current.reset(token)
            meta = getattr(answer, "request_meta", None)
            if meta is not None and not call.reported:
                _read_answer(book, call, meta["response"], meta.get("response_length") or 0)
                meta["response"]._assay_call = answer._assay_call = call
            return answer

        return request

    def _wrapped_exit(self, original: Callable[..., Any]) -> Callable[..., Any]:
        book = self._book

        def leave(response: Any, kind: Any, value: Any, trace: Any) -> Any:
            done = original(response, kind, value, trace)
            call = getattr(response, "_assay_call", None)
            if call is not None and value is not None:
                # Locust drops a request whose with-block raised; the server did not.
                book.close(call, error=_message(value, 0))
            return done

        return leave

    def _on_request(self, **report: Any) -> None:
        response = report.get("response")
        call = getattr(response, "_assay_call", None)
        if call is None and response is not None:
            call = self._book.current.get()
        wall_ns = round((report.get("response_time") or 0) * 1e6)
        if call is None:  # a user's own protocol: reported to Locust, not on a tapped wire
            call = self._book.open(f"{report.get('request_type')} {report.get('name')}")
            call.asked_ns -= wall_ns
        length = report.get("response_length") or 0
        _read_answer(self._book, call, response, length)
        if isinstance(report.get("name"), str):
            call.name = f"{report.get('request_type')} {report['name']}"
        error = report.get("exception")
        message = "" if error is None else _message(error, call.status)
        self._book.close(call, error=message, wall_ns=wall_ns)

    def _who(self, user: Any) -> tuple[int, int]:
        if user is None:
            return 0, 0
        number = getattr(user, "_assay_number", 0)
        if not number:
            self._user_count += 1
            number = user._assay_number = self._user_count
        due = getattr(user, "_assay_due_ns", 0)
        user._assay_due_ns = 0
        return number, due


def _read_answer(book: CallBook, call: Call, response: Any, length: int) -> None:
    status = getattr(response, "status_code", 0) or 0
    if not call.done_ns:
        book.answered(call, status, length)
    history = getattr(response, "history", None) or getattr(response, "_history", None) or ()
    call.redirected = bool(history)
    first = history[0] if history else response
    if call.sent is None:
        call.sent = _prepared(first)
    if call.sent is not None and call.sent.heard is None:
        call.sent = replace(call.sent, heard=heard(call.sent.method, first))


def _prepared(response: Any) -> Sent | None:
    """Return what requests sent first; FastHttpUser's exchanges are kept at the wire."""
    request = getattr(response, "request", None)
    if not isinstance(request, requests.PreparedRequest):
        return None
    body = request.body.encode() if isinstance(request.body, str) else request.body
    body = body if isinstance(body, bytes) else b""
    headers = {_text(key): _text(value) for key, value in request.headers.items()}
    return Sent(_text(request.method), request.path_url, headers, body[: BODY_LIMIT + 1])


def _message(error: BaseException, status: int) -> str:
    if isinstance(error, GreenletExit):
        return "broken off at the end of the run"
    kind = type(error).__name__
    if status >= 400 and kind in {"HTTPError", "LocustBadStatusCode"}:
        return f"HTTP {status}"
    text = HEX_ADDRESS.sub("0x…", " ".join(str(error).split()))
    if kind == "CatchResponseError":
        return text[:MESSAGE_LIMIT] or kind
    return f"{kind}: {text}"[:MESSAGE_LIMIT]


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
