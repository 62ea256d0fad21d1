"""Gather: boot the target on our servers, drive it, watch it, write the recording.

``run.py`` holds the order of events; each other module is one step. ``inside/`` is code that
runs in the target's own processes.
"""
