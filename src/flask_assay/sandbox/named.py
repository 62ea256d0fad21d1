"""What a setting names as "module:attribute", and why it is not to be had."""

import importlib
import traceback
from pathlib import Path
from typing import Any

from flask_assay.errors import TargetError, UsageError

__all__ = ["load_object", "told"]


def load_object(text: str, setting: str) -> Any:
    """Import "module:attribute".

    Raises:
        UsageError: It is not of that form, or not there.
        TargetError: The module fails when it is imported.
    """
    module, _, name = text.partition(":")
    if not name:
        raise UsageError(f'{setting} = "{text}": write it as "module:name"')
    try:
        found = importlib.import_module(module)
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and f"{module}.".startswith(f"{error.name}."):
            raise _missing(text, setting, error) from error
        raise TargetError(
            f'{setting} = "{text}": the module can not be imported: {told(error)}',
            todo=f"`python -c 'import {module}'` in the project's root must work first.",
        ) from error
    try:
        for part in name.removesuffix("()").split("."):
            found = getattr(found, part)
    except AttributeError as error:
        raise _missing(text, setting, error) from error
    return found


def _missing(text: str, setting: str, error: Exception) -> UsageError:
    return UsageError(
        f'{setting} = "{text}": {error}',
        why="It is imported as Python would import it from the project's root.",
        todo='Check the name, and pytest\'s "pythonpath" setting.',
    )


def told(error: BaseException) -> str:
    """Return an error's class and message, and the line of the project that it came from."""
    root = Path.cwd()
    lines = [
        f"{Path(frame.filename).relative_to(root)}:{frame.lineno}"
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).is_relative_to(root) and "-packages/" not in frame.filename
    ]
    return f"{type(error).__name__}: {error}" + (f" at {lines[-1]}" if lines else "")
