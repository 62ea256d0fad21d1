"""Errors become messages and exit codes here, and nowhere else."""

import contextlib
import functools
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import click

from flask_assay.errors import AssayError, InterruptedRunError, UsageError

__all__ = ["OUR_BUG", "guarded", "working_directory"]

OUR_BUG = 3


def guarded(function: Callable[..., Any]) -> Callable[..., Any]:
    """Turn errors of a command into a message on standard error and an exit code.

    Codes: 2 usage, 3 could not measure or a bug of ours, 130 interrupted.
    """

    @functools.wraps(function)
    def command(*arguments: Any, **named: Any) -> Any:
        try:
            return function(*arguments, **named)
        except AssayError as error:
            _explain(error)
            sys.exit(error.exit_code)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except KeyboardInterrupt:
            _say("interrupted")
            sys.exit(InterruptedRunError.exit_code)
        except BrokenPipeError:
            _quiet_exit()
        except OSError as error:
            _explain(_of_the_system(error))
            sys.exit(OUR_BUG)
        except Exception as error:  # noqa: BLE001 - the last place that can explain it
            _own_up(error)
            sys.exit(OUR_BUG)

    return command


def _explain(error: AssayError) -> None:
    is_error = not isinstance(error, InterruptedRunError)
    _say(f"Error: {error.what}" if is_error else error.what, fg="red" if is_error else "yellow")
    for part in (error.why, error.todo):
        if part:
            _say(f"\n{part}", bold=False)
    _debug()


def _say(text: str, *, fg: str | None = None, bold: bool = True) -> None:
    with contextlib.suppress(OSError):  # nobody listens any more; the exit code still tells
        click.secho(text, fg=fg, bold=bold, err=True)


def _debug() -> None:
    if os.environ.get("FLASK_ASSAY_DEBUG"):
        traceback.print_exc()


def working_directory() -> Path:
    """Return the current directory.

    Raises:
        UsageError: If it was removed.
    """
    try:
        return Path.cwd()
    except FileNotFoundError as error:
        raise UsageError(
            "the current directory does not exist any more",
            why="It was removed or replaced after this shell entered it.",
            todo='cd "$PWD", or change to the app\'s directory.',
        ) from error


def _of_the_system(error: OSError) -> AssayError:
    place = f": {error.filename}" if error.filename else ""
    return AssayError(
        f"{error.strerror or error}{place}",
        why="The system refused it; nothing of yours was changed.",
        todo="Mend permissions or free space, or name another directory with --output.",
    )


def _own_up(error: Exception) -> None:
    text = f"flask-assay failed: {type(error).__name__}: {error}"
    _say(text, fg="red")
    _say("\nThis is a bug of flask-assay. FLASK_ASSAY_DEBUG=1 shows where.", bold=False)
    for note in getattr(error, "__notes__", ()):
        _say(f"\n{note}", bold=False)
    _debug()


def _quiet_exit() -> NoReturn:
    """End after the reader of a pipe went away, without a second error at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(141)
