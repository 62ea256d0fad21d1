"""The command line: parse, wire, print, exit code.

This module is loaded by every ``flask`` command, so it imports click and nothing else; each
verb's module is imported when it is called.
"""

import difflib
import importlib

import click

__all__ = ["assay", "main"]

_VERBS = {
    "run": "Load the app on real servers, find what is slow, prove what helps.",
    "profile": "Profile one request: tree of calls, functions, SQL.",
    "report": "Render a recording again.",
    "fix": "Write the patch of a finding, and measure the patched code.",
    "kept": "Open the database of a failed test again.",
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
        # In a raw docstring click's mark "do not wrap" is two characters.
        found.help = (found.help or "").replace("\\b\n", "\b\n")
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Suggest the nearest command for one that does not exist."""
        near = difflib.get_close_matches(args[0], _VERBS, n=1) if args else []
        if near and args[0] not in _VERBS:
            ctx.fail(f"No such command {args[0]!r}. Did you mean {near[0]!r}?")
        return super().resolve_command(ctx, args)

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
