"""`mailer inbound webhooks` and `mailer inbound webhook`: show the requests of e-mail services that were stored."""

from dataclasses import asdict
from typing import Annotated
from uuid import UUID

import typer

from mailer.cli.shared import AsJson, exit_with_error, format_utc_time, out, print_json, print_table, run_with_app
from mailer.cli.stop_start import By, person_or_system_user
from mailer.ports.received_webhooks import ListedWebhookRequest

RequestId = Annotated[
    UUID, typer.Argument(metavar="ID", help="The id of the request, as `mailer inbound webhooks` shows it.")
]


def list_webhook_requests(
    malformed: Annotated[
        bool, typer.Option("--malformed", help="Only requests with an event that could not be read.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="The most requests.")] = 50,
    json: AsJson = False,
) -> None:
    """Shows the newest requests of e-mail services: their events, those to act on, and those that cannot be read."""
    found = run_with_app(lambda app: app.received_webhooks.list_requests(malformed=malformed, limit=limit))
    if json:
        print_json([_request_as_json(request) for request in found])
        return
    print_table(
        ("id", "at", "endpoint", "events", "proven", "malformed"),
        [
            (
                str(request.id),
                format_utc_time(request.at),
                f"{request.provider}/{request.endpoint}",
                *map(str, (request.events, request.proven, request.malformed)),
            )
            for request in found
        ],
    )


def show_webhook_request(request_id: RequestId, by: By = "") -> None:
    """Prints the body of a request on one line. That you read it stands in the ledger."""
    person_or_system_user(by)
    body = run_with_app(lambda app: app.received_webhooks.read_request_body(request_id))
    if body is None:
        exit_with_error(f"no body is kept of a request {request_id}; `mailer inbound webhooks` shows ids", 2)
    out.print(body.decode("utf-8", "replace"))


def _request_as_json(request: ListedWebhookRequest) -> dict[str, object]:
    return {**asdict(request), "id": str(request.id), "at": request.at.isoformat()}
