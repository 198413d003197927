"""`mailer inbound file`: stores the messages of a Maildir or an mbox."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mailer.app import App
from mailer.cli.shared import AsJson, exit_with_error, out, print_json, progress_bar, run_with_app

if TYPE_CHECKING:
    from mailer.inbound.collection.mail_files import MailFile


@dataclass(slots=True)
class FileCounts:
    """The counts of one run. messages: all of them. known: those that were collected before."""

    messages: int = 0
    stored: int = 0
    known: int = 0
    refused: int = 0


def store_file(
    path: Annotated[Path, typer.Argument(help="A Maildir, or an mbox. It is read, and never changed.")],
    to: Annotated[
        str,
        typer.Option("--to", metavar="ADDRESS", help="The mailbox of ours for messages that name none of ours."),
    ],
    json: AsJson = False,
) -> None:
    """Stores the messages of a Maildir or an mbox, each once; `mailer inbound` then handles them."""
    # The patterns of the parsers take a third of a second to compile, and no other command needs them.
    from mailer.inbound.collection.collected_messages import UnknownMailbox
    from mailer.inbound.collection.mail_files import NoMailFile, open_mail_file

    try:
        file = open_mail_file(path)
        counts, refused = run_with_app(lambda app: _store_messages(app, file, to))
    except NoMailFile as error:
        exit_with_error(f"{path}: {error}", 2)
    except UnknownMailbox as error:
        exit_with_error(f"--to {to}: {error}", 2)
    if json:
        print_json({**asdict(counts), "refused": [{"message": name, "reason": why} for name, why in refused]})
        return
    for name, why in refused:
        out.print(f"{name} is left out: {why}")
    out.print(f"{counts.messages} messages: {counts.stored} stored, {counts.known} known, {counts.refused} left out")


async def _store_messages(app: App, file: "MailFile", to: str) -> tuple[FileCounts, list[tuple[str, str]]]:
    """Stores each message in a transaction of its own. Returns the counts, and what was refused with the reasons."""
    from mailer.inbound.collection.collected_messages import MessageCollector, MessageRefused
    from mailer.inbound.mailboxes import MailboxDirectory

    collector = MessageCollector(MailboxDirectory(app.policies, app.links), to)
    counts, refused = FileCounts(), list[tuple[str, str]]()
    with progress_bar() as progress:
        bar = progress.add_task("storing", total=file.size)
        for message in file.read_messages():
            counts.messages += 1
            try:
                is_new = await app.received_mail.store_collected_mail(collector.collect_message(message.content))
            except MessageRefused as error:
                counts.refused += 1
                refused.append((message.name, str(error)))
            else:
                counts.stored += is_new
                counts.known += not is_new
            progress.advance(bar, message.size)
    return counts, refused
