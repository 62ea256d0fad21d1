"""The code of a remedy, where its place in the user's files is certain.

``write.py`` chooses the way; each way returns a ``Patch`` or raises ``UsageError`` with the
reason why a person has to decide. Nothing here touches a file.
"""
