"""Commands: `flask --app shop seed` and `flask --app shop stubs`."""

import click
from flask import Flask
from flask.cli import with_appcontext


def init_app(app: Flask) -> None:
    app.cli.add_command(seed)
    app.cli.add_command(stubs)


@click.command()
@click.option(
    "--scale", default=1.0, show_default=True, help="How much data: 1 is a few 10,000 rows."
)
@with_appcontext
def seed(scale: float) -> None:
    """Fill the empty tables with a realistic shop."""
    from shop import seeds

    for table, count in seeds.seed(scale).items():
        click.echo(f"{table:15}{count:10,}")


@click.command()
@click.option("--port", default=12111, show_default=True, help="HTTP; SMTP takes the next one.")
def stubs(port: int) -> None:
    """Play payments, SMS, S3 and mail on this machine until Ctrl-C."""
    import threading

    from shop.stubs import start

    with start(port=port, mail_port=port + 1) as variables:
        for name, value in variables.items():
            click.echo(f"export {name}={value}")
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            click.echo("stopped", err=True)
