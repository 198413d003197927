"""`mailer inbound`: receives mail, and shows what was received."""

import asyncio
from dataclasses import asdict
from typing import Annotated
from uuid import UUID

import typer

from mailer.app import App
from mailer.cli.processes import run_process
from mailer.cli.received_mail_classify import classify
from mailer.cli.received_mail_file_storing import store_file
from mailer.cli.received_webhooks import list_webhook_requests, show_webhook_request
from mailer.cli.shared import (
    AsJson,
    exit_with_error,
    format_utc_time,
    out,
    print_facts,
    print_json,
    print_table,
    read_command_settings,
    run_with_app,
)
from mailer.cli.stop_start import By, person_or_system_user, require_person_name
from mailer.metrics_and_logger import INBOUND, log
from mailer.pipeline.consumers import result_unless_stopped
from mailer.ports.received_mail import LetterEnd, ListedReceivedMail
from mailer.runtime.operator_http_server import OperatorHttpServer

app = typer.Typer(help="Received mail and webhooks: receive them, list, show, close.", invoke_without_command=True)

MailId = Annotated[UUID, typer.Argument(metavar="ID", help="The id of the message, as `mailer inbound list` shows it.")]
Limit = Annotated[int, typer.Option(min=1, max=1000, help="The most messages.")]


@app.callback()
def inbound(context: typer.Context) -> None:
    """Receives bounces, complaints and requests by mail, until SIGTERM."""
    if context.invoked_subcommand is not None:
        return
    # The patterns of the parsers take a third of a second to compile, and no other command needs them.
    from mailer.inbound.reception.server import ListenerUnusable
    from mailer.mail_receiving import inbound_urls_of_settings, receive_mail_until_stopped

    inbound_urls_of_settings(read_command_settings())

    async def work(app: App, stop: asyncio.Event, _: OperatorHttpServer) -> None:
        log.info("inbound started", owner=app.owner)
        broker = await result_unless_stopped(stop, app.open_broker_and_declare_topology())
        if broker is not None:
            await receive_mail_until_stopped(app, broker, stop)

    try:
        run_process("inbound", work, INBOUND)
    except ListenerUnusable as error:
        exit_with_error(str(error), 2)


app.command()(classify)
app.command("webhooks")(list_webhook_requests)
app.command("webhook")(show_webhook_request)
app.command("file")(store_file)


@app.command("list")
def list_received_mail(
    brand: Annotated[str | None, typer.Option(help="Only mail for this brand.")] = None,
    waiting: Annotated[
        bool, typer.Option("--waiting", help="Only what a person has to look at, the oldest first.")
    ] = False,
    limit: Limit = 50,
    json: AsJson = False,
) -> None:
    """Shows what was received, and its effect."""
    found = run_with_app(lambda app: app.received_mail.list_mail(brand and [brand], waiting=waiting, limit=limit))
    if json:
        print_json([_listed_mail_as_json(mail) for mail in found])
        return
    print_table(
        ("id", "at", "brand", "mailbox", "kind", "effect", "reason"),
        [
            (
                str(mail.id),
                format_utc_time(mail.at),
                mail.brand,
                mail.mailbox.value,
                mail.kind or mail.state,
                mail.effect or "",
                mail.reason or "",
            )
            for mail in found
        ],
    )


@app.command("show")
def show_received_mail(
    mail_id: MailId,
    raw: Annotated[bool, typer.Option("--raw", help="Print the message itself, with its header.")] = False,
    by: By = "",
    json: AsJson = False,
) -> None:
    """Shows a message, and its effect with the reason. That you read it stands in the ledger."""
    person_or_system_user(by)
    found = run_with_app(lambda app: app.received_mail.read_mail(mail_id))
    if found is None:
        exit_with_error(f"no message has the id {mail_id}; `mailer inbound list` shows ids", 2)
    mail, content = found
    if raw:
        if content is None:
            exit_with_error("the content of this message is deleted by now", 1)
        for line in content.decode("utf-8", "replace").splitlines():
            out.print(line)
    elif json:
        print_json(_listed_mail_as_json(mail))
    else:
        print_facts({name: "" if value is None else str(value) for name, value in _listed_mail_as_json(mail).items()})


@app.command("close")
def close_waiting_mail(
    mail_id: MailId,
    by: By,
    end: Annotated[LetterEnd, typer.Option(help="The end that you say it has.")] = LetterEnd.DONE,
    json: AsJson = False,
) -> None:
    """Notes that a person has looked at a message that waited."""
    require_person_name(by)
    if not run_with_app(lambda app: app.received_mail.close_waiting_mail(mail_id, by, end)):
        exit_with_error(f"the message {mail_id} does not wait; `mailer inbound list --waiting` shows what does", 2)
    if json:
        print_json({"id": str(mail_id), "closed_by": by, "end": end.value})
    else:
        out.print(f"Closed by {by}.")


def _listed_mail_as_json(mail: ListedReceivedMail) -> dict[str, object]:
    plain = {name: str(value) if isinstance(value, UUID) else value for name, value in asdict(mail).items()}
    return {**plain, "at": mail.at.isoformat(), "mailbox": mail.mailbox.value}
