"""Renders a ``Diagnosis``: HTML, terminal, Markdown, JSON, SARIF, GitHub annotations.

A renderer knows the diagnosis document and nothing else, so that any recording, of any machine,
gives the same report again. All strings of a document are hostile until escaped: route names,
SQL, headers and exceptions come from the app and from whoever talks to it.
"""
