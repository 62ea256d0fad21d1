"""One audit per file in ``checks``, one line per audit in ``registry``.

An audit receives the artifacts that it declared, returns findings, and knows no other audit.
"""
