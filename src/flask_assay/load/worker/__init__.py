"""The child process that makes the load: the only place with Locust and gevent.

Started as ``python -m flask_assay.load.worker PLAN.json``, never imported.
"""
