"""`mailer breach`: breach cases."""

import typer

from mailer.cli import breach_release

app = typer.Typer(
    help="Breach cases: facts, clocks, duties and decisions. Nothing is sent before a second person releases it.",
    no_args_is_help=True,
)
breach_release.register(app)
