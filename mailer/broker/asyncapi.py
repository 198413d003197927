"""The AsyncAPI 3.0 document of exchanges and queues, made from the topology that both brokers use."""

from typing import Any

from mailer.broker.topology import (
    BATCHES,
    DEAD,
    DEAD_AGAIN,
    EVENTS,
    LAST,
    OUTCOMES,
    Exchange,
    ExchangeKind,
    Topology,
)
from mailer.ports.broker import HeaderName
from mailer.ports.outcomes import OutcomeMessage


def outcomes_asyncapi_document() -> dict[str, Any]:
    """Returns the AsyncAPI document of the exchange `mailer.outcomes` alone, which is the same for all brands."""
    exchange = Exchange(OUTCOMES, ExchangeKind.TOPIC)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "mailer: outcomes",
            "version": "2",
            "description": "What became of mail, and what came back.",
        },
        "defaultContentType": "application/json",
        "channels": {OUTCOMES: _describe_channel(Topology((exchange,), (), ()), exchange)},
        "operations": {"hearOutcomes": _HEAR_OUTCOMES},
        "components": {"messages": {"outcome": _OUTCOME}, "schemas": _outcome_schemas()},
    }


def asyncapi_document(plan: Topology, schemas: dict[str, Any]) -> dict[str, Any]:
    """Returns the AsyncAPI document.

    Args:
        plan: the exchanges, queues and bindings.
        schemas: the JSON Schemas of `MessageEvent`, `AccountEvent` and their parts. They refer to each other as
            components.
    """
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "mailer", "version": "1", "description": "Message events in, outcomes out."},
        "defaultContentType": "application/json",
        "channels": {
            exchange.name: _describe_channel(plan, exchange)
            for exchange in plan.exchanges
            if exchange.name not in (DEAD_AGAIN, LAST)
        },
        "operations": {
            "publishEvent": {
                "action": "receive",
                "channel": {"$ref": f"#/channels/{EVENTS}"},
                "summary": "Publish an event, persistent, with confirms and the mandatory flag.",
                "description": "The routing key is <brand>.<category>, for what is said of an account <brand>.account; "
                "the message id is the event's id.",
            },
            "hearOutcomes": _HEAR_OUTCOMES,
        },
        "components": {
            "messages": {
                "event": {"payload": {"$ref": "#/components/schemas/MessageEvent"}},
                "account": {"payload": {"$ref": "#/components/schemas/AccountEvent"}},
                "batch": {"payload": _BATCH},
                "outcome": _OUTCOME,
            },
            "schemas": {**schemas, **_outcome_schemas()},
        },
    }


_BATCH = {"type": "object", "properties": {"batch": {"type": "integer"}}, "required": ["batch"]}

_HEAR_OUTCOMES = {
    "action": "send",
    "channel": {"$ref": f"#/channels/{OUTCOMES}"},
    "summary": "Bind a queue of your own by <brand>.<category>.<state> to hear what became of deliveries.",
    "description": "At least once, after it is committed; one message a window and routing key. The category is `none`"
    " for an opt-out that belongs to no mail of ours.",
}

_OUTCOME = {
    "contentType": "application/json",
    "summary": "Deliveries that came into one state together, or a bounce, complaint or opt-out that came back.",
    "payload": {"$ref": "#/components/schemas/OutcomeMessage"},
}


def _outcome_schemas() -> dict[str, Any]:
    """Returns the JSON Schemas of an outcome and its parts, by name."""
    schema = OutcomeMessage.model_json_schema(ref_template="#/components/schemas/{model}")
    return {**schema.pop("$defs"), "OutcomeMessage": schema}


def _describe_channel(plan: Topology, exchange: Exchange) -> dict[str, Any]:
    bound = [binding for binding in plan.bindings if binding.exchange == exchange.name]
    queues = ", ".join(f"{binding.queue} ({binding.key or 'all'})" for binding in bound)
    channel: dict[str, Any] = {
        "address": exchange.name,
        "description": f"Queues: {queues or 'bound by whoever listens'}.",
        "bindings": {
            "amqp": {"is": "routingKey", "exchange": {"name": exchange.name, "type": exchange.kind, "durable": True}}
        },
    }
    messages = {EVENTS: ("event", "account"), BATCHES: ("batch",), OUTCOMES: ("outcome",)}.get(exchange.name)
    if messages:
        channel["messages"] = {name: {"$ref": f"#/components/messages/{name}"} for name in messages}
    if exchange.name == DEAD:
        channel["description"] += (
            f" Headers: {HeaderName.REASON}, {HeaderName.KIND}, {HeaderName.EXCHANGE}, {HeaderName.ROUTING_KEY}."
        )
    return channel
