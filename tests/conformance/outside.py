"""Small stand-ins for what an app talks to: HTTP, SMTP and Redis, on loopback, in threads."""

import socketserver
import threading
from contextlib import contextmanager


class Http(socketserver.StreamRequestHandler):
    def handle(self):
        while line := self.rfile.readline():
            size = 0
            while (header := self.rfile.readline()).strip():
                if header.lower().startswith(b"content-length:"):
                    size = int(header.split(b":")[1])
            self.rfile.read(size)
            body = b"answer to " + line.split(b" ")[1]
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))


class Smtp(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(b"220 here\r\n")
        in_data = False
        while line := self.rfile.readline():
            verb = line[:4].upper().strip()
            if in_data:
                in_data = line != b".\r\n"
                if not in_data:
                    self.wfile.write(b"250 kept\r\n")
            elif verb == b"DATA":
                in_data = True
                self.wfile.write(b"354 go on\r\n")
            else:
                self.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 fine\r\n")


class Redis(socketserver.StreamRequestHandler):
    def handle(self):
        while line := self.rfile.readline():
            words = []
            for _ in range(int(line[1:])):
                size = int(self.rfile.readline()[1:])
                words.append(self.rfile.read(size + 2)[:-2])
            if words[0].upper() == b"GET":
                self.wfile.write(b"$-1\r\n" if b"missing" in words[1] else b"$5\r\nfound\r\n")
            else:
                self.wfile.write(b"+OK\r\n")


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


@contextmanager
def serving(handler):
    """Yield the port of a server of this kind."""
    with Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
