"""Stand-ins for the payment, shipping and risk services, for development and load runs."""

import contextlib
import json
import random
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# Seconds, as seen from the data centre: (shortest, longest) answer of each service.
LATENCY_S = {
    "/payments/charges": (0.06, 0.10),
    "/shipping/quote": (0.08, 0.12),
    "/risk/score": (0.002, 0.004),
}


class Services(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body leave in one segment
    disable_nagle_algorithm = True
    latency = random.Random(7)

    def do_GET(self):
        self.answer()

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answer()

    def answer(self):
        path = self.path.partition("?")[0]
        bodies = {
            "/payments/charges": {"id": f"ch_{self.latency.getrandbits(48):012x}", "status": "paid"},
            "/shipping/quote": {"price_cents": 490 + len(self.path) % 7 * 50},
            "/risk/score": {"score": 10},
        }
        status = 200 if path in bodies else 404
        time.sleep(self.latency.uniform(*LATENCY_S.get(path, (0, 0))))
        body = json.dumps(bodies.get(path, {"error": "unknown service"})).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format, *args):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


@contextlib.contextmanager
def start():
    """Serve on a free loopback port; yields the environment that points the shop to it."""
    server = Server(("127.0.0.1", 0), Services)
    thread = threading.Thread(target=server.serve_forever, name="shop-stubs", daemon=True)
    thread.start()
    base = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield {
            "PAYMENT_URL": f"{base}/payments",
            "SHIPPING_URL": f"{base}/shipping",
            "RISK_URL": f"{base}/risk",
        }
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
