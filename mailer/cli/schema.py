"""`mailer schema`: the event, the queues and the API, for machines."""

import typer

from mailer.app import asyncapi, openapi
from mailer.cli.shared import print_json
from mailer.events import MessageEvent

app = typer.Typer(help="Schemas: event (JSON Schema), queues (AsyncAPI), api (OpenAPI).", no_args_is_help=True)


@app.command()
def event() -> None:
    """The JSON Schema (2020-12) of an event."""
    print_json({"$schema": "https://json-schema.org/draft/2020-12/schema", **MessageEvent.model_json_schema()})


@app.command()
def queues() -> None:
    """The AsyncAPI document of exchanges and queues."""
    print_json(asyncapi())


@app.command()
def api() -> None:
    """The OpenAPI document of the HTTP API."""
    print_json(openapi())
