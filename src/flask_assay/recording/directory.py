"""The files of a recording and how they are written so that no reader sees half of one."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from flask_assay.errors import RecordingError

__all__ = [
    "EVENTS",
    "MANIFEST",
    "SAMPLES",
    "SCHEMA_VERSION",
    "append_line",
    "read_document",
    "read_lines",
    "rows_path",
    "write_document",
]

SCHEMA_VERSION = 1
MANIFEST = "recording"
EVENTS = "events.jsonl"
SAMPLES = "samples.jsonl"


def rows_path(directory: Path, writer: str, pid: int) -> Path:
    """Return the rows file of one writer ("probe" or "load") and process."""
    return directory / f"{writer}-{pid}.rows"


def write_document(directory: Path, name: str, value: object) -> Path:
    """Write ``<name>.json`` whole: beside its place first, then renamed into it."""
    path = directory / f"{name}.json"
    beside = path.with_suffix(f".{os.getpid()}.part")
    beside.write_text(json.dumps(value, indent=1, allow_nan=False, default=str), encoding="utf-8")
    beside.replace(path)
    return path


def read_document(directory: Path, name: str, default: object = None) -> object:
    """Return ``<name>.json`` decoded, or the default if it was never written.

    Raises:
        RecordingError: If it is there and is not JSON.
    """
    path = directory / f"{name}.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return default
    except ValueError as error:
        raise RecordingError(
            f"{path} is not JSON: {error}",
            why="Documents of a recording are renamed into place whole; something else wrote it.",
            todo="Record again with `flask assay run`.",
        ) from error


def append_line(directory: Path, name: str, value: Mapping[str, object]) -> None:
    """Append one JSON line; a line shorter than a page is written in one piece."""
    line = json.dumps(value, separators=(",", ":"), allow_nan=False, default=str) + "\n"
    descriptor = os.open(directory / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


def read_lines(directory: Path, name: str) -> list[dict[str, object]]:
    """Return the JSON lines of a file, without a torn last one; empty if there is no file."""
    try:
        text = (directory / name).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return []
    found: list[dict[str, object]] = []
    for line in text.splitlines():
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            found.append(value)
    return found
