"""Puts load on the target from a child process and records every request of it.

The parent side is standard library only. Importing Locust replaces the sockets of a
process and cannot be undone, so Locust and gevent live in ``load.worker``, which is
started as a process and never imported. Parent and child share one JSON plan, the
recording and a small status file.
"""
