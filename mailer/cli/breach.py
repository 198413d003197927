"""`mailer breach`: breach cases."""

import typer

from mailer.cli import breach_outcomes

app = typer.Typer(help="Breach cases.", no_args_is_help=True)
breach_outcomes.register(app)
