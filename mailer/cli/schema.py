"""`mailer schema`: prints the schemas of events, queues and API for machines."""

import typer

from mailer.broker.asyncapi import asyncapi_document as describe_queues
from mailer.broker.asyncapi import outcomes_asyncapi_document
from mailer.cli.shared import exit_with_error, print_json, read_command_settings
from mailer.events import MessageEvent
from mailer.policy.policy_file import PolicyError
from mailer.policy_loading import load_broker_topology
from mailer.settings import SettingsError

app = typer.Typer(
    help="Schemas: event (JSON Schema), queues and outcomes (AsyncAPI), api (OpenAPI).", no_args_is_help=True
)


@app.command()
def event() -> None:
    """The JSON Schema (2020-12) of an event."""
    print_json({"$schema": "https://json-schema.org/draft/2020-12/schema", **MessageEvent.model_json_schema()})


@app.command()
def queues() -> None:
    """The AsyncAPI document of exchanges and queues, for the brands that there are."""
    try:
        plan = load_broker_topology(read_command_settings())
    except (PolicyError, SettingsError) as error:
        exit_with_error(str(error), 2)
    from mailer.web.event_api import (
        event_schema_components,  # the web framework loads slowly; only this command and `api` need it
    )

    print_json(describe_queues(plan, event_schema_components()))


@app.command()
def outcomes() -> None:
    """The AsyncAPI document of the exchange `mailer.outcomes`, in which applications hear what became of their mail."""
    print_json(outcomes_asyncapi_document())


@app.command()
def api() -> None:
    """The OpenAPI document of the HTTP API."""
    from mailer.web.app import openapi_document  # see above

    print_json(openapi_document())
