"""The command line: parse, wire, print, exit code."""

import click

__all__ = ["assay", "main"]


@click.group()
def assay() -> None:
    """Prove that this app is correct and fast."""


def main() -> None:
    """Run the `assay` script."""
    assay()
