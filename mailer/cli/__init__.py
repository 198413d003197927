"""Every command. Each noun has a module; what they share is in `shared`."""

import sys

import typer
from typer.exceptions import TyperException

from mailer.cli import (
    consents,
    control,
    dead,
    demo,
    inviters,
    keys,
    ledger,
    mailing,
    partners,
    policy,
    processors,
    publish,
    quarantine,
    rates,
    recipients,
    report,
    running,
    schema,
    suppressions,
    templates,
)
from mailer.cli.shared import fail

app = typer.Typer(
    name="mailer",
    help="E-mail notifications and opt-outs, where the privacy policy runs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for room in (running, control, demo, publish):
    room.register(app)
for name, group in (
    ("recipients", recipients.app),
    ("consents", consents.app),
    ("suppressions", suppressions.app),
    ("mailing", mailing.app),
    ("report", report.app),
    ("ledger", ledger.app),
    ("dead", dead.app),
    ("templates", templates.app),
    ("policy", policy.app),
    ("partners", partners.app),
    ("inviters", inviters.app),
    ("processors", processors.app),
    ("quarantine", quarantine.app),
    ("rate", rates.app),
    ("brand", control.brands),
    ("api-key", keys.app),
    ("schema", schema.app),
):
    app.add_typer(group, name=name)


def main() -> None:
    """Runs a command. Errors are one line on stderr: status 2 for bad input or usage, 1 for a failure."""
    try:
        sys.exit(app(standalone_mode=False))
    except TyperException as error:
        # Without a message it is the help of a group that was called without a command, and has been shown.
        fail(message, 2) if (message := error.format_message()) else sys.exit(2)
    except typer.Exit as done:
        sys.exit(done.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(130)
