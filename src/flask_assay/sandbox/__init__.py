"""Isolated tests on a real PostgreSQL: what they do is undone; what cannot be is noticed.

The pure parts are ``statements`` (what a text of SQL asks for) and ``universe`` (which
savepoints make one physical connection look like many).  ``link`` joins them to a driver,
``drivers`` holds the two drivers, ``attach`` the places where an app's connections are caught,
``session`` the lifecycle: provision, checkout, checkin, destroy.
"""
