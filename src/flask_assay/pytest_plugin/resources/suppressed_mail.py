"""Mail that an extension keeps from being sent because the app is under test."""

import contextlib
import email
import email.policy
import sys
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from typing import Any

__all__ = ["unsuppressed_mail"]

_LOCAL = "flask_mailman.backends.locmem"


@contextlib.contextmanager
def unsuppressed_mail(accept: Callable[[EmailMessage], None]) -> Iterator[None]:
    """Have Flask-Mail send and Flask-Mailman tell what they would keep, as ``TESTING`` is set.

    Args:
        accept: Is given what Flask-Mailman puts into its outbox of the process.
    """
    with contextlib.ExitStack() as undo:
        flask_mail = sys.modules.get("flask_mail")
        if flask_mail is not None:
            _replace(undo, flask_mail.Connection, "__enter__", _sending)
        local = sys.modules.get(_LOCAL)
        if local is None and "flask_mailman" in sys.modules:
            import importlib

            local = importlib.import_module(_LOCAL)
        if local is not None:
            _replace(undo, local.EmailBackend, "send_messages", lambda call: _telling(call, accept))
        yield


def _replace(
    undo: contextlib.ExitStack, owner: type, name: str, wrap: Callable[[Any], Any]
) -> None:
    original = getattr(owner, name)
    setattr(owner, name, wrap(original))
    undo.callback(setattr, owner, name, original)


def _sending(enter: Any) -> Any:
    """Return Flask-Mail's way into a connection for a time in which nothing is suppressed."""

    def entered(connection: Any) -> Any:
        settings = connection.mail
        suppressed, settings.suppress = settings.suppress, False
        try:
            return enter(connection)
        finally:
            settings.suppress = suppressed

    return entered


def _telling(send: Any, accept: Callable[[EmailMessage], None]) -> Any:
    def sent(backend: Any, messages: Any) -> Any:
        messages = list(messages)
        for message in messages:
            data = message.message().as_bytes()
            accept(email.message_from_bytes(data, policy=email.policy.default))
        return send(backend, messages)

    return sent
