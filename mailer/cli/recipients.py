"""`mailer recipients`: imports people from a file, lists them, and serves the rights of a person."""

import typer

from mailer.cli import data_subject_right_commands, recipient_import, recipient_limits, recipient_queries

app = typer.Typer(help="Recipients: import, list, find, show; a person's rights.", no_args_is_help=True)
recipient_queries.register(app)
data_subject_right_commands.register(app)
recipient_limits.register(app)
app.command("import")(recipient_import.import_)
