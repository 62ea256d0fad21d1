"""Isolated tests on a real PostgreSQL: what a test does is undone, what cannot be undone is noticed.

The pure parts are ``statements`` (what a text of SQL asks for) and ``universe`` (which
savepoints make one physical connection look like many).  ``link`` joins them to a driver,
``drivers`` holds the two drivers, ``attach`` the places where an app's connections are caught,
``session`` the lifecycle: provision, checkout, checkin, destroy.
"""
