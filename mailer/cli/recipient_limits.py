"""`mailer recipients pause` and `cap`: the limits that a person told an operator to set to their optional mail."""

from typing import Annotated

import typer

from mailer.actions.csv_reading import InputRefused
from mailer.actions.own_limits import OwnLimitRefused, record_own_limit
from mailer.app import App
from mailer.cli.import_file_helpers import find_policy_and_recipient_id_or_raise
from mailer.cli.shared import exit_with_error, out, remember_acting_person, run_with_app
from mailer.policy.limits_set_by_recipient import PAUSE_DAYS, OwnCap, OwnLimit, OwnPause

Ref = Annotated[str, typer.Argument(metavar="REF", help="The application's own key for the person.")]
Brand = Annotated[str, typer.Option(help="Whose optional mail.")]
By = Annotated[
    str,
    typer.Option("--by", metavar="PERSON", help="Who does it; it stays on record.", callback=remember_acting_person),
]
Reason = Annotated[str, typer.Option(help="How the person said it, such as: by telephone.")]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    for command in (pause, cap):
        app.command()(command)


def pause(
    ref: Ref, brand: Brand, by: By, reason: Reason, days: Annotated[int, typer.Option(help="30 or 90.")] = 30
) -> None:
    """Pauses a person's optional mail for 30 or 90 days from now, and never shortens a pause."""
    if days not in PAUSE_DAYS:
        exit_with_error(f"--days: {days} is none of {', '.join(map(str, PAUSE_DAYS))}", 2)
    _set_own_limit(brand, ref, OwnPause(days), reason, by)
    out.print(f"Paused for {days} days. `mailer recipients show` says until when.")


def cap(
    ref: Ref, brand: Brand, by: By, reason: Reason, at_most: Annotated[OwnCap, typer.Option(help="How often.")]
) -> None:
    """Gives a person at most one optional mail a week or a month from now on, and never loosens a cap."""
    _set_own_limit(brand, ref, at_most, reason, by)
    out.print(f"Capped: at most one optional mail {'a week' if at_most is OwnCap.WEEKLY else 'a month'}.")


def _set_own_limit(brand: str, ref: str, limit: OwnLimit, reason: str, by: str) -> None:
    """Sets a limit. A refusal ends the command with its reason."""
    if not reason.strip() or not by.strip():
        exit_with_error("a limit is set with a reason and by a person; name both", 2)

    async def act(app: App) -> None:
        policy, recipient_id = await find_policy_and_recipient_id_or_raise(app, brand, ref)
        await record_own_limit(app.standings, policy, recipient_id, limit, reason, by)

    try:
        run_with_app(act)
    except (InputRefused, OwnLimitRefused) as error:
        exit_with_error(str(error), 2)
