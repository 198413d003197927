"""`mailer mailing approve`: a second person releases a mailing, and first sees how many people it will reach."""

from typing import Annotated, Any

import typer

from mailer.app import App
from mailer.cli.mailing_lookup import find_one_mailing_or_raise
from mailer.cli.shared import AsJson, exit_with_error, out, print_json, remember_acting_person, run_with_app
from mailer.ports.halts import MailingControlRefused
from mailer.ports.mailing_release_previews import ReleasePreview, UnpreviewableMailing, preview_counts_in_words
from mailer.ports.mailings import ReleaseRefused

Identifier = Annotated[str, typer.Argument(metavar="ID", help="Its own id, or its event's.")]


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(approve)


def approve(
    identifier: Identifier,
    by: Annotated[
        str,
        typer.Option(
            "--by",
            "--as",
            metavar="PERSON",
            help="Who releases it; not its publisher.",
            callback=remember_acting_person,
        ),
    ],
    reaching_nobody: Annotated[
        bool, typer.Option("--reaching-nobody", help="Release it though it reaches nobody by mail.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Releases a mailing that waits for a second person (breach notices), and says whom it will reach, and how."""

    async def act(app: App) -> ReleasePreview:
        if not by.strip() or not by.isprintable():
            raise ReleaseRefused("--by needs the name of a person: it stands in the ledger")
        status = await find_one_mailing_or_raise(app, identifier)
        if status.state != "awaiting_release":
            raise ReleaseRefused(f"the mailing does not wait for a release; it is {status.state}")
        foreseen = await app.mailing_release_previewer.preview_release(status)
        counts = ", ".join(preview_counts_in_words(foreseen))
        if not foreseen.mail and not reaching_nobody:
            raise ReleaseRefused(
                f"it would reach nobody by mail: {counts or 'it has no recipients'};"
                " nothing is released. Mend what keeps it, or release it all the same with --reaching-nobody"
            )
        if not json:
            out.print(f"Of {foreseen.audience_size:,} recipients: {counts or 'none'}.")
        await app.mailings.release_mailing(status.id, by, status)
        return foreseen

    try:
        foreseen = run_with_app(act)
    except (MailingControlRefused, ReleaseRefused, UnpreviewableMailing) as error:
        exit_with_error(str(error), 2)
    if json:
        print_json({"released_by": by, "reach": _preview_as_json(foreseen), "lacks": list(foreseen.lacks)})
        return
    for line in foreseen.lacks:
        out.print(f"note: {line}")
    out.print(f"Released by {by}.")


def _preview_as_json(foreseen: ReleasePreview) -> dict[str, Any]:
    return {
        "recipients": foreseen.audience_size,
        "mail": foreseen.mail,
        "diverted": [
            {"channel": channel, "reason": reason, "n": n} for (channel, reason), n in foreseen.diverted.items()
        ],
        "suppressed": dict(foreseen.suppressed),
        "no_processor": dict(foreseen.unrouted),
    }
