"""The command line: parse, wire, print, exit code.

This module is loaded by every ``flask`` command, so it imports click and nothing else; each
verb's module is imported when it is called.
"""

import importlib

import click

__all__ = ["assay", "main"]

_VERBS = {
    "run": "Load the app on real servers, find what is slow, prove what helps.",
    "report": "Render a recording again.",
    "doctor": "Say what is found, missing or wrong in this environment.",
}


class _LazyGroup(click.Group):
    """A group whose commands are imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _VERBS:
            return None
        found: click.Command = importlib.import_module(f"flask_assay.cli.{cmd_name}").command
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_VERBS.items()))


@click.group(
    cls=_LazyGroup,
    epilog="Examples:\n\n  flask --app shop assay run\n\n"
    "  flask --app 'shop:create_app(\"Load\")' assay run --users 20 --duration-s 60\n\n"
    "  flask assay report .assay/latest --html report.html",
)
def assay() -> None:
    """Prove that this app is correct and fast."""


def main() -> None:
    """Run the `assay` script: the same commands without `flask`, for recordings."""
    assay()
