"""A mail catcher on loopback: whatever ``smtplib`` connects to, the message ends here."""

import email
import email.policy
import smtplib
import socketserver
import threading
from email.message import EmailMessage
from types import TracebackType
from typing import Any, Self

from flask_assay.pytest_plugin.resources.suppressed_mail import unsuppressed_mail

__all__ = ["Outbox"]


class _Handler(socketserver.StreamRequestHandler):
    """The few words of SMTP that a client needs to hand over a message."""

    def handle(self) -> None:
        self._say("220 assay")
        while line := self.rfile.readline():
            verb = line[:4].upper().strip()
            if verb == b"DATA":
                self._say("354 go on")
                self.server.accept(self._data())  # type: ignore[attr-defined]  # a _Server
                self._say("250 kept")
            elif verb == b"QUIT":
                self._say("221 bye")
                return
            elif verb == b"EHLO":
                self._say("250-assay\r\n250-AUTH PLAIN LOGIN\r\n250 SMTPUTF8")
            elif verb == b"AUTH":
                self._authenticate(line)
            elif verb == b"MAIL":
                self._say(self.server.answer())  # type: ignore[attr-defined]  # a _Server
            else:
                self._say("250 ok")

    def _authenticate(self, line: bytes) -> None:
        """Accept anybody; nothing is checked and nothing is kept."""
        words = line.split()
        if words[1].upper() == b"LOGIN":
            for _ in range(2 - (len(words) - 2)):
                self._say("334 Og==")
                self.rfile.readline()
        elif len(words) == 2:
            self._say("334 ")
            self.rfile.readline()
        self._say("235 ok")

    def _data(self) -> bytes:
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line[1:] if line.startswith(b"..") else line)
        return b"".join(lines)

    def _say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, outbox: "Outbox") -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self._outbox = outbox

    def answer(self) -> str:
        return self._outbox.next_answer()

    def accept(self, data: bytes) -> None:
        message = email.message_from_bytes(data, policy=email.policy.default)
        self._outbox.append(message)


class Outbox(list[EmailMessage]):
    """The messages of one test, in the order of their arrival."""

    def __init__(self) -> None:
        super().__init__()
        self._refusals: list[int] = []
        self._lock = threading.Lock()

    def refuse(self, status: int = 451, *, times: int = 1) -> None:
        """Refuse the next messages: 451 is "try again later", 550 is "never".

        Args:
            status: SMTP's code, above 399.
            times: How many messages.

        Raises:
            ValueError: The code is no refusal.
        """
        if not 400 <= status <= 599:
            raise ValueError(f"refuse({status}): codes of refusals are 400 to 599")
        with self._lock:
            self._refusals += [status] * times

    def next_answer(self) -> str:
        """Return what the server says to the next sender."""
        with self._lock:
            return f"{self._refusals.pop(0)} refused by the test" if self._refusals else "250 ok"

    def __enter__(self) -> Self:
        self._server = _Server(self)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        self._thread.start()
        self._original = smtplib.SMTP._get_socket  # type: ignore[attr-defined]  # private
        self._original_ssl = smtplib.SMTP_SSL._get_socket  # type: ignore[attr-defined]  # private
        port = self._server.server_address[1]
        original = self._original

        def get_socket(client: Any, _host: str, _port: int, timeout: Any) -> Any:
            return original(client, "127.0.0.1", port, timeout)

        smtplib.SMTP._get_socket = get_socket  # type: ignore[attr-defined]  # private
        smtplib.SMTP_SSL._get_socket = get_socket  # type: ignore[attr-defined]  # private
        self._starttls = smtplib.SMTP.starttls
        smtplib.SMTP.starttls = lambda *_args, **_named: (220, b"ok")  # type: ignore[method-assign]
        self._extensions = unsuppressed_mail(self.append)
        self._extensions.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._extensions.__exit__(None, None, None)
        smtplib.SMTP._get_socket = self._original  # type: ignore[attr-defined]  # private
        smtplib.SMTP_SSL._get_socket = self._original_ssl  # type: ignore[attr-defined]  # private
        smtplib.SMTP.starttls = self._starttls  # type: ignore[method-assign]
        self._server.shutdown()
        self._server.server_close()
