"""flask-assay proves that a Flask app is correct and fast before its users find out.

Importing this package does nothing: what patches, patches in ``attach()``.
"""

__version__ = "0.1.0"

__all__ = ["__version__"]
