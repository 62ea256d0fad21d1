"""One schema of settings, and where each effective value came from.

Highest first: command line, environment ``ASSAY_*``, ``[tool.assay]`` in ``pyproject.toml``,
default. An unknown key is an error with a suggestion at each level.
"""
