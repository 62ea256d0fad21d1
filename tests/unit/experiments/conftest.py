"""A switch for changes, and a service that counts what it is asked."""

import http.server
import threading

import pytest


class Switch:
    def __init__(self):
        self.is_on = True

    def __call__(self):
        return self.is_on


@pytest.fixture
def switch():
    return Switch()


@pytest.fixture
def service():
    """A server that counts what it is asked."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            asked.append(self.path)
            body = f"answer {len(asked)}".encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *given):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()
    thread.join()
