"""One change per file, each with its way to apply it and to take it back.

A change to the database has ``change_database(lab, databases, unchanged, parameters)`` and
returns its prices. A change inside the target has ``before_import(parameters)``, or
``apply(app, parameters, is_on)`` for the loaded app; it runs in the target's process. ``is_on()``
says whether the current request belongs to an arm that has the change; if not, it must lie still.
Both return what takes the change back; a docstring names the parameters that a remedy gives.
A change of the server's settings needs no code: its parameters are the settings.
"""
