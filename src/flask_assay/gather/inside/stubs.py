"""The process that holds what the app calls: runs the user's ``services`` hook and stays.

The hook returns a mapping of environment variables, or a context manager that yields one.
They are written to the file named by the first argument; the process stays until it is told
to end.
"""

import contextlib
import json
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from flask_assay.gather.inside.loading import resolve_hook

__all__ = ["main"]


def main() -> None:
    """Run the hook named by the second argument until SIGTERM."""
    signal.signal(signal.SIGTERM, _leave)
    answer, spec = Path(sys.argv[1]), sys.argv[2]
    sys.path.insert(0, str(Path.cwd()))
    made: Any = resolve_hook(spec)()
    entered = made if hasattr(made, "__enter__") else contextlib.nullcontext(made)
    with entered as environment:
        beside = answer.with_suffix(".part")
        beside.write_text(json.dumps(_variables(environment)), encoding="utf-8")
        beside.replace(answer)
        while True:
            signal.pause()


def _variables(given: Any) -> dict[str, str]:
    """Return environment variables; numbers and paths become text."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise TypeError(f"the hook returned {type(given).__name__}, no mapping")
    for name, value in given.items():
        if not isinstance(value, str | int | float | Path):
            raise TypeError(f"{name} is {type(value).__name__}, no text")
    return {str(name): str(value) for name, value in given.items()}


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    """End through the hook's context manager."""
    raise SystemExit(0)


if __name__ == "__main__":
    main()
