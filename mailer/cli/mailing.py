"""`mailer mailing`: what became of the mailings, and releasing those that wait."""

from typing import Annotated, Any
from uuid import UUID

import typer

from mailer.app import App
from mailer.cli.shared import AsJson, facts, fail, moment, out, print_json, table, with_app
from mailer.ports.mailings import MailingStatus, ReleaseRefused

app = typer.Typer(help="Mailings: list, show, approve.", no_args_is_help=True)


def as_json(status: MailingStatus) -> dict[str, Any]:
    """A mailing's status as JSON has it."""
    return {
        "id": str(status.id),
        "brand": status.brand,
        "event": status.event_id,
        "category": status.category,
        "template": status.template,
        "campaign": status.campaign,
        "publisher": status.publisher,
        "state": status.state,
        "audience": status.audience_size,
        "created_at": status.created_at.isoformat(),
        "released_by": status.released_by,
        "finished_at": status.finished_at.isoformat() if status.finished_at else None,
        "counts": [{"state": state, "reason": reason, "n": n} for (state, reason), n in status.counts.items()],
        "opens": status.opens,
        "machine_opens": status.machine_opens,
    }


def total(status: MailingStatus, state: str) -> int:
    """How many deliveries are in a state, whatever the reason."""
    return sum(n for (found, _), n in status.counts.items() if found == state)


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 20, json: AsJson = False
) -> None:
    """Shows the newest mailings."""
    mailings = with_app(lambda app: app.mailings.latest(limit))
    if json:
        print_json([as_json(status) for status in mailings])
        return
    table(
        ("mailing", "brand", "event", "category", "state", "audience", "handed over", "suppressed", "failed"),
        [
            (
                status.id,
                status.brand,
                status.event_id,
                status.category,
                status.state,
                status.audience_size,
                total(status, "handed_over"),
                total(status, "suppressed"),
                total(status, "failed"),
            )
            for status in mailings
        ],
    )


@app.command()
def show(identifier: Annotated[str, typer.Argument(metavar="ID")], json: AsJson = False) -> None:
    """Shows a mailing, by its own id or by its event's: counts by state and reason."""
    found = with_app(lambda app: _find(app, identifier))
    if not found:
        fail(f"there is no mailing and no event {identifier}; `mailer mailing list` shows what there is", 1)
    if json:
        print_json(as_json(found[0]) if len(found) == 1 else [as_json(status) for status in found])
        return
    for status in found:
        _print(status)


@app.command()
def approve(
    identifier: Annotated[str, typer.Argument(metavar="ID")],
    by: Annotated[str, typer.Option("--by", metavar="PERSON", help="Who releases it; not its publisher.")],
) -> None:
    """Releases a mailing that waits for a second person (breach notices)."""

    async def act(app: App) -> None:
        if not by.strip() or not by.isprintable():
            raise ReleaseRefused("--by needs the name of a person: it stands in the ledger")
        found = await _find(app, identifier)
        if len(found) != 1:
            raise ReleaseRefused(f"{identifier} names {len(found)} mailings; give the id of one")
        await app.mailings.release(found[0].id, by)

    try:
        with_app(act)
    except ReleaseRefused as error:
        fail(str(error), 2)
    out.print(f"Released by {by}.", markup=False)


async def _find(app: App, identifier: str) -> list[MailingStatus]:
    by_event = await app.mailings.by_event(identifier)
    if by_event:
        return by_event
    try:
        status = await app.mailings.status(UUID(identifier))
    except ValueError:
        return []
    return [status] if status else []


def _print(status: MailingStatus) -> None:
    facts(
        {
            "mailing": status.id,
            "brand": status.brand,
            "event": status.event_id,
            "category": status.category,
            "template": status.template,
            "campaign": status.campaign,
            "publisher": status.publisher,
            "state": status.state,
            "audience": status.audience_size,
            "created": moment(status.created_at),
            "released by": status.released_by,
            "finished": moment(status.finished_at) or None,
            "opens": f"{status.opens} by people, {status.machine_opens} by machines",
        }
    )
    table(("state", "reason", "deliveries"), [(state, reason, n) for (state, reason), n in status.counts.items()])
