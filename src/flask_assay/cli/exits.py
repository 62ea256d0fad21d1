"""Errors become messages and exit codes here, and nowhere else."""

import functools
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

import click

from flask_assay.errors import AssayError

__all__ = ["OUR_BUG", "guarded"]

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
            sys.exit(130)
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
    click.secho(f"Error: {error.what}", fg="red", bold=True, err=True)
    for part in (error.why, error.todo):
        if part:
            click.echo(f"\n{part}", err=True)
    if os.environ.get("FLASK_ASSAY_DEBUG"):
        traceback.print_exc()


def _of_the_system(error: OSError) -> AssayError:
    place = f": {error.filename}" if error.filename else ""
    return AssayError(
        f"{error.strerror or error}{place}",
        why="The system refused it; nothing of yours was changed.",
        todo="Mend permissions or free space, or name another directory with --output.",
    )


def _own_up(error: Exception) -> None:
    text = f"flask-assay failed: {type(error).__name__}: {error}"
    click.secho(text, fg="red", bold=True, err=True)
    click.echo("\nThis is a bug of flask-assay. FLASK_ASSAY_DEBUG=1 shows where.", err=True)
    if os.environ.get("FLASK_ASSAY_DEBUG"):
        traceback.print_exc()


def _quiet_exit() -> NoReturn:
    """End after the reader of a pipe went away, without a second error at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(141)
