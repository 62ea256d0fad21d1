"""End a process of the app's."""

import os
import sys
from contextlib import suppress
from typing import NoReturn

__all__ = ["leave"]


def leave(code: int) -> NoReturn:
    """End now: a thread or exit handler of the app's could keep the process for ever."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):  # an app may close them, or put something else in their place
            stream.flush()
    os._exit(code)
