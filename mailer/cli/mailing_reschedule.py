"""`mailer mailing reschedule`: gives a mailing that has not begun another time."""

from typing import Annotated

import typer

from mailer.app import App
from mailer.cli.mailing_lookup import find_mailing_id_or_raise
from mailer.cli.shared import AsJson, acting_person, exit_with_error, format_utc_time, out, print_json, run_with_app
from mailer.cli.stop_start import By, Reason, person_or_system_user
from mailer.input_types import parse_moment_of_column_or_option
from mailer.ports.halts import MailingControlRefused
from mailer.ports.mailing_rescheduling import MailingRescheduleResult
from mailer.postgres.mailing_rescheduling import PostgresMailingSchedule

Identifier = Annotated[str, typer.Argument(metavar="ID", help="Its own id, or its event's.")]


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(reschedule)


def reschedule(
    identifier: Identifier,
    at: Annotated[str, typer.Option("--at", metavar="TIME", help="The new time, such as 2026-12-24T09:30:00Z.")],
    by: By = "",
    reason: Reason = "",
    json: AsJson = False,
) -> None:
    """Lets a mailing that has not begun begin at another time; one that was released has to be released again."""
    person_or_system_user(by)
    try:
        time = parse_moment_of_column_or_option("--at", at)
    except ValueError as error:
        exit_with_error(str(error), 2)

    async def act(app: App) -> MailingRescheduleResult:
        schedule = PostgresMailingSchedule(app.pool, app.writers)
        mailing_id = await find_mailing_id_or_raise(app, identifier)
        return await schedule.reschedule_mailing(mailing_id, time, acting_person(), reason)

    try:
        done = run_with_app(act)
    except MailingControlRefused as error:
        exit_with_error(str(error), 2)
    if json:
        print_json(
            {
                "rescheduled": identifier,
                "send_at": time.isoformat(),
                "new": done.is_new,
                "needs_release": done.needs_release,
            }
        )
        return
    out.print(f"{identifier} {'is' if done.is_new else 'was already'} to begin at {format_utc_time(time)}.")
    if done.needs_release:
        out.print(f"A second person has to release it: `mailer mailing approve {identifier} --by PERSON`.")
