"""Reroute what the app connects to: every engine, driver and Redis client reaches our servers.

The app's own URL may come from a config key, the environment, a constant at import time or
several binds; it is changed where all of them meet, at the call that makes the connection.
``attach()`` in each module patches, ``detach()`` undoes, both idempotent.
"""
