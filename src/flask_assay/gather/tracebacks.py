"""Show where in the user's own code an error came from, and nothing of what stands around it."""

import os
import re
import site
import sysconfig
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["last_error", "users_frames"]

_HEAD = "Traceback (most recent call last):"
_FRAME = re.compile(r'^\s*File "(?P<file>[^"]+)", line (?P<line>\d+)(?:, in (?P<function>.+))?$')
_CARETS = re.compile(r"^\s*[\^~]+\s*$")
_LOG_LINE = re.compile(r"^\[\d{4}-\d\d-\d\d |^\d{4}-\d\d-\d\d ")
_OURS = str(Path(__file__).parent.parent)
_MOST_FRAMES = 6
_MOST_LINES = 12


@dataclass(frozen=True, slots=True)
class _Frame:
    """One place on the way to an error."""

    file: str
    line: int
    function: str
    code: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Block:
    """One traceback of a chain: its frames, and what was raised at their end."""

    frames: tuple[_Frame, ...]
    error: tuple[str, ...]


def users_frames(text: str, directory: str = "") -> str:
    """Return the user's frames and the errors of all tracebacks in a text.

    Frames of flask-assay, of installed packages and of Python itself are left out.

    Args:
        text: What a process wrote; lines outside of tracebacks are left out.
        directory: File names below it are shown relative to it.
    """
    shown: list[str] = []
    for block in _blocks(text):
        frames = [frame for frame in block.frames if _is_users(frame.file)]
        for frame in frames[-_MOST_FRAMES:]:
            shown += _shown(frame, directory)
        shown += block.error[:_MOST_LINES]
    return "\n".join(_without_repeats(shown))


def last_error(text: str) -> str:
    """Return the first line of the last error that a traceback in a text ends with; "" for none."""
    errors = [block.error[0] for block in _blocks(text) if block.error]
    return errors[-1] if errors else ""


def _blocks(text: str) -> Iterator[_Block]:
    for part in text.split(_HEAD)[1:]:
        yield _block(part.splitlines())


def _block(lines: Sequence[str]) -> _Block:
    frames: list[_Frame] = []
    error: list[str] = []
    for line in lines[1:]:
        match = _FRAME.match(line)
        if match and not error:
            frames.append(_Frame(match["file"], int(match["line"]), match["function"] or "", ()))
        elif line.startswith("  ") and frames and not error:
            last = frames.pop()
            frames.append(
                _Frame(last.file, last.line, last.function, (*last.code, line.strip("\n")))
            )
        elif _ends(line, error):
            break
        elif line.strip():
            error.append(line.rstrip())
    return _Block(tuple(frames), tuple(error))


def _ends(line: str, error: Sequence[str]) -> bool:
    """Whether what follows is no part of the error's message any more."""
    return bool(error) and (
        line.startswith(("During handling of", "The above exception", "{"))
        or bool(_LOG_LINE.match(line))
    )


def _is_users(file: str) -> bool:
    if file.startswith(("<", _OURS)):
        return False
    places = (sysconfig.get_path("stdlib"), *site.getsitepackages(), site.getusersitepackages())
    return not file.startswith(tuple(place + os.sep for place in places if place))


def _shown(frame: _Frame, directory: str) -> Iterator[str]:
    place = frame.file.removeprefix(directory + os.sep) if directory else frame.file
    where = f" in {frame.function}" if frame.function else ""
    yield f"  {place}:{frame.line}{where}"
    keeps_carets = not frame.function  # of a syntax error they are the point
    for line in frame.code:
        if keeps_carets or not _CARETS.match(line):
            yield "  " + line


def _without_repeats(lines: Sequence[str]) -> list[str]:
    """Leave out a chain's second telling of the same."""
    return list(dict.fromkeys(lines))
