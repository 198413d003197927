"""Every command. Each noun has a module; `shared` has the functions that several commands use."""

import io
import os
import sys

import typer
from typer.exceptions import TyperException

from mailer.cli import (
    audience_lists,
    breach,
    breach_check,
    breach_letters,
    breach_outcomes,
    breach_pack,
    breach_release,
    campaigns,
    consents,
    data_request_commands,
    dead_letters,
    demo,
    doctor,
    init_brand,
    inviters,
    ledger,
    mailing,
    non_email_notice_commands,
    partners,
    policy,
    processes,
    processors,
    public_notices,
    publish,
    publishers,
    quarantined_refusals,
    rates,
    received_mail,
    recipients,
    report,
    schema,
    segments,
    staff,
    stop_start,
    suppressions,
    templates,
    waiting_work_and_processes,
    webhooks,
)
from mailer.cli.shared import exit_with_error
from mailer.runtime.line_writer import open_missing_stdio
from mailer.runtime.logs import install_unexpected_error_hooks
from mailer.text_checks import check_one_line

app = typer.Typer(
    name="mailer",
    help="E-mail notifications and opt-outs, where the privacy policy runs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for room in (init_brand, processes, stop_start, demo, publish, doctor, waiting_work_and_processes):
    room.register(app)
breach_check.register(breach.app)
breach_release.register(breach.app)
breach_outcomes.register(breach.app)
breach_pack.register(breach.app)
for name, group in (
    ("recipients", recipients.app),
    ("consents", consents.app),
    ("suppressions", suppressions.app),
    ("segment", segments.app),
    ("audience", audience_lists.app),
    ("mailing", mailing.app),
    ("campaign", campaigns.app),
    ("breach", breach.app),
    ("report", report.app),
    ("ledger", ledger.app),
    ("dead", dead_letters.app),
    ("letters", breach_letters.app),
    ("templates", templates.app),
    ("policy", policy.app),
    ("partners", partners.app),
    ("inviters", inviters.app),
    ("processors", processors.app),
    ("quarantine", quarantined_refusals.app),
    ("inbound", received_mail.app),
    ("notices", non_email_notice_commands.app),
    ("requests", data_request_commands.app),
    ("public-notices", public_notices.app),
    ("rate", rates.app),
    ("breach", breach.app),
    ("brand", stop_start.brands),
    ("publishers", publishers.app),
    ("staff", staff.app),
    ("webhook", webhooks.app),
    ("schema", schema.app),
):
    app.add_typer(group, name=name)


MAX_ARGUMENT = 4096
"""Characters; also the longest path of a file on Linux."""


def _utf8_argument_or_raise(number: int, text: str) -> str:
    """Returns an argument that is text in UTF-8 on one line. Many arguments name something, and the ledger keeps them.

    Raises:
        ValueError: the argument is not UTF-8, has a control character, or is too long.
    """
    try:
        text = check_one_line(os.fsencode(text).decode())
    except ValueError as error:
        what = "is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
        raise ValueError(f"argument {number} {what}") from None
    if len(text) > MAX_ARGUMENT:
        raise ValueError(f"argument {number} has {len(text):,} characters; at most {MAX_ARGUMENT:,}")
    return text


def main() -> None:
    """Runs a command. Errors are one line on stderr: status 2 for bad input or usage, 1 for a failure.

    It reads and writes UTF-8 in every locale.
    """
    open_missing_stdio()
    install_unexpected_error_hooks()
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        arguments = [_utf8_argument_or_raise(number, text) for number, text in enumerate(sys.argv[1:], 1)]
    except ValueError as error:
        exit_with_error(str(error), 2)
    try:
        status = app(arguments, standalone_mode=False)
        sys.stdout.flush()
        sys.exit(status)
    except TyperException as error:
        # An error without a message: a group was called without a command, and its help has been printed.
        exit_with_error(message, 2) if (message := error.format_message()) else sys.exit(2)
    except typer.Exit as done:
        sys.exit(done.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(130)
    except BrokenPipeError:
        # The reader closed the pipe, as `head` does. The last flush must not fail too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(1)
