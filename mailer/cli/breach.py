"""`mailer breach`: breach cases."""

import typer

from mailer.cli import breach_pack

app = typer.Typer(
    help="Breach cases: facts, clocks, duties and decisions. Nothing is sent before a second person releases it.",
    no_args_is_help=True,
)
breach_pack.register(app)


@app.callback()
def _group() -> None:
    """Keeps this a group of commands, however few there are."""
