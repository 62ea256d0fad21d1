"""How the shop is served: `gunicorn "shop:create_app()"`."""

import os
from pathlib import Path

bind = os.environ.get("BIND", "127.0.0.1:8000")
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
worker_class = "gthread"
threads = 8  # as many as the connection pool holds: no request waits for a connection
timeout = 30  # longer than any statement or SDK call may take
graceful_timeout = 20
keepalive = 75  # longer than the load balancer's, so that it closes first
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None
accesslog = None  # the load balancer writes one
errorlog = "-"
