"""Every command. Each noun has a module; what they share is in `shared`."""

import sys

import typer
from click.exceptions import ClickException

from mailer.cli import dead, keys, ledger, mailing, publish, recipients, running, schema, templates
from mailer.cli.shared import fail

app = typer.Typer(
    name="mailer",
    help="E-mail notifications and opt-outs, where the privacy policy runs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for room in (running, publish):
    room.register(app)
for name, group in (
    ("recipients", recipients.app),
    ("mailing", mailing.app),
    ("ledger", ledger.app),
    ("dead", dead.app),
    ("templates", templates.app),
    ("api-key", keys.app),
    ("schema", schema.app),
):
    app.add_typer(group, name=name)


def main() -> None:
    """Runs a command. Errors are one line on stderr: status 2 for bad input or usage, 1 for a failure."""
    try:
        app(standalone_mode=False)
    except ClickException as error:
        fail(error.format_message(), 2)
    except typer.Exit as done:
        sys.exit(done.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(130)
