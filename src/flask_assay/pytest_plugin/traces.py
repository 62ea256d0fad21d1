"""Tracebacks of failed tests end where the suite's own code and its libraries end."""

import sys
from typing import Any

import pytest

from flask_assay.pytest_plugin.host import Host

__all__ = ["ShortTraces"]

_MISTAKES = (AttributeError, ImportError, IndexError, KeyError, NameError, TypeError)
"""What may well be a mistake of ours: then our lines are shown."""


class ShortTraces:
    """Leaves our own lines out of tracebacks; ``--full-trace`` shows them.

    Args:
        host: Of this process.
    """

    def __init__(self, host: Host) -> None:
        self._host = host

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, call: pytest.CallInfo[None]) -> None:
        """Mark our modules as uninteresting, those too that were imported meanwhile."""
        if call.excinfo is None or self._host.stands_back:
            return
        for name, module in list(sys.modules.items()):
            if name.startswith("flask_assay.") and module is not None:
                vars(module)["__tracebackhide__"] = _says_nothing


def _says_nothing(error: Any) -> bool:
    is_text_only = not getattr(error.value, "pytrace", True)
    return not (is_text_only or isinstance(error.value, _MISTAKES))
