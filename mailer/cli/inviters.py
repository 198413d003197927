"""`mailer inviters`: stops a member's invitations, and allows them again."""

from typing import Annotated

import typer

from mailer.actions.inviters import pause_inviter, resume_inviter
from mailer.app import App
from mailer.cli.shared import exit_with_error, out, remember_acting_person, run_with_app

app = typer.Typer(help="Members who invite: pause, resume.", no_args_is_help=True)

Member = Annotated[str, typer.Argument(metavar="MEMBER", help="As events name who invites.")]
Brand = Annotated[str, typer.Option(help="Whose member it is.")]
By = Annotated[
    str,
    typer.Option(
        "--by", metavar="PERSON", help="Who says so; it stands in the ledger.", callback=remember_acting_person
    ),
]


class _UnknownBrand(Exception):
    """Raised for a brand without a policy; the message lists the brands."""


@app.command()
def pause(member: Member, brand: Brand, by: By) -> None:
    """Stops a member's invitations, also those that wait."""
    _pause_or_resume_inviter(member, brand, by, paused=True)


@app.command()
def resume(member: Member, brand: Brand, by: By) -> None:
    """Lets a member invite again. Invitations that were suppressed meanwhile stay so."""
    _pause_or_resume_inviter(member, brand, by, paused=False)


def _pause_or_resume_inviter(member: str, brand: str, by: str, *, paused: bool) -> None:
    async def act(app: App) -> bool:
        if brand not in app.policies:
            raise _UnknownBrand(f"--brand: there is no {brand}; there are {', '.join(app.policies)}")
        change = pause_inviter if paused else resume_inviter
        return await change(app.inviters, brand, member, by)

    if not by.strip() or not by.isprintable():
        exit_with_error("--by needs the name of a person: it stands in the ledger", 2)
    try:
        changed = run_with_app(act)
    except _UnknownBrand as error:
        exit_with_error(str(error), 2)
    state = "may not invite" if paused else "may invite"
    out.print(f"{member} {state}{' from now on' if changed else ' already'}.")
