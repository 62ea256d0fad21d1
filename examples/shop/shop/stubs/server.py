"""The stub servers: one for HTTP, one for SMTP, each with a thread per connection."""

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import ThreadingTCPServer
from typing import Self

from shop.stubs import fakes
from shop.stubs.calls import Call, Reply, Script
from shop.stubs.smtp import SmtpHandler


class Stubs:
    """A context manager that serves; `variables` says where."""

    def __init__(self, *, port: int = 0, mail_port: int = 0) -> None:
        self._script = Script()
        self._addresses = (("127.0.0.1", port), ("127.0.0.1", mail_port))
        self._stack = ExitStack()
        self.variables: dict[str, str] = {}

    def __enter__(self) -> Self:
        http, mail = self._addresses
        http_port = self._serve(_Http, http, _HttpHandler)
        mail_port = self._serve(_Mail, mail, SmtpHandler)
        self.variables = {
            "PAYMENTS_URL": f"http://127.0.0.1:{http_port}/payments",
            "SMS_URL": f"http://127.0.0.1:{http_port}/sms",
            "S3_URL": f"http://127.0.0.1:{http_port}/s3",
            "MAIL_URL": f"smtp://127.0.0.1:{mail_port}",
        }
        return self

    def __exit__(self, *details: object) -> None:
        self._script.stopping.set()
        self._stack.close()

    def script(self, method: str, path_part: str, **reply) -> None:
        """Answer calls of this method whose path has this part as the `Reply` says."""
        with self._script.lock:
            self._script.replies.append(Reply(method, path_part, **reply))

    def calls(self, method: str, path_part: str) -> list[Call]:
        """Return the calls so far, oldest first."""
        with self._script.lock:
            found = list(self._script.calls)
        return [call for call in found if call.method == method and path_part in call.path]

    @property
    def mails(self) -> list[str]:
        """The text of each mail so far, oldest first."""
        with self._script.lock:
            return list(self._script.mails)

    def clear(self) -> None:
        """Forget scripts, calls, mails and files."""
        self._script.clear()

    def _serve(self, server_class, address, handler) -> int:
        server = self._stack.enter_context(server_class(address, handler))
        server.script = self._script
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        self._stack.callback(thread.join)
        self._stack.callback(server.shutdown)
        return server.server_address[1]


@contextmanager
def start(*, port: int = 0, mail_port: int = 0) -> Iterator[dict[str, str]]:
    """Serve while the context lasts; yield the environment variables that point an app here."""
    with Stubs(port=port, mail_port=mail_port) as stubs:
        yield stubs.variables


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    script: Script

    def server_bind(self) -> None:
        """Bind without the base class's look-up of the host's name, which may ask the network."""
        ThreadingTCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]


class _Mail(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    script: Script


class _HttpHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # clients keep their connections
    disable_nagle_algorithm = True
    timeout = 60
    server: _Http

    def log_message(self, *args) -> None:
        """Stay silent."""

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        call = Call(self.command, self.path, dict(self.headers), body, self.client_address[1])
        if call.path.startswith("/_"):
            self._control(call)
            return
        script = self.server.script
        reply = script.next_reply(call)
        if reply is not None and reply.delay_s:
            script.stopping.wait(reply.delay_s)
        if reply is None or reply.status is None:
            self._answer(*fakes.answer(call, script.files))
        elif isinstance(reply.body, str):
            self._answer(reply.status, reply.body.encode(), "text/plain")
        else:
            self._answer(reply.status, json.dumps(reply.body or {}).encode(), "application/json")

    do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = _serve

    def _control(self, call: Call) -> None:
        script = self.server.script
        if call.method == "POST" and call.path == "/_script":
            with script.lock:
                script.replies.append(Reply(**json.loads(call.body)))
        elif call.method == "DELETE" and call.path == "/_script":
            script.clear()
        with script.lock:
            told = [f"{known.method} {known.path}" for known in script.calls]
        self._answer(200, json.dumps(told).encode(), "application/json")

    def _answer(self, status: int, body: bytes, content_type: str) -> None:
        try:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", '"stub"')
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)
        except ConnectionError:  # the client gave up waiting
            self.close_connection = True
