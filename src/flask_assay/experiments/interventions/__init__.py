"""One change per file, each with its way to apply it and to take it back.

A change to the database has ``change_database(lab, databases, unchanged, parameters)`` and
returns its prices. A change inside the target has ``apply(app, parameters)``; it runs in the
target's process and ends with it.
"""
