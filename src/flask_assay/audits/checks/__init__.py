"""The audits. A file is named for the failing state; its docstring is its documentation page."""
