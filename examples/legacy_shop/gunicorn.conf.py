"""Gunicorn, as in production."""

workers = 1  # one per container
worker_class = "gthread"
threads = 8
timeout = 60
keepalive = 5
preload_app = False
