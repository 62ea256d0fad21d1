"""A small app that counts what it sees, served by werkzeug or by Gunicorn.

It writes one line per request, with the request's id, before it answers.
`LOAD_TARGET_SEEN=file python load_target.py` prints its port; Werkzeug's server ends each
connection after its response, so what concerns kept-alive ones needs Gunicorn.
"""

import os
import socket
import time
from urllib.parse import parse_qs

from werkzeug.serving import WSGIRequestHandler, make_server

seen = os.open(os.environ["LOAD_TARGET_SEEN"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def app(environ, start_response):
    path, query = environ["PATH_INFO"], parse_qs(environ["QUERY_STRING"])
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(length)
    line = f"{environ.get('HTTP_X_ASSAY_REQUEST', '0')} {environ['REQUEST_METHOD']} {path}\n"
    os.write(seen, line.encode())
    if path == "/drop":
        environ["gunicorn.socket"].shutdown(socket.SHUT_RDWR)
    status, headers, answer = respond(path, query, body)
    start_response(status, [*headers, ("Content-Length", str(len(answer)))])
    return [answer]


def respond(path, query, body):
    if path == "/slow":
        time.sleep(float(query.get("s", ["0.05"])[0]))
    if path == "/error":
        return "500 Oops", [], b"error"
    if path.startswith("/missing"):
        return "404 Not Found", [], b"missing"
    if path == "/redirect":
        return "302 Found", [("Location", "/landing")], b""
    if path == "/twice":
        return "302 Found", [("Location", "/redirect")], b""
    if path == "/away":
        return "302 Found", [("Location", "http://192.0.2.1/pay")], b"see there"
    return "200 OK", [("Set-Cookie", "seen=1")], b"hello" + body


class Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, *args):
        pass


def main():
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Handler)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
