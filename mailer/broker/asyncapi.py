"""The AsyncAPI 3.0 document of exchanges and queues, made from the topology that both brokers use."""

from typing import Any

from mailer.broker.topology import BATCHES, DEAD, DEAD_AGAIN, EVENTS, LAST, OUTCOMES, Exchange, Topology
from mailer.ports.broker import HeaderName


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
            "hearOutcomes": {
                "action": "send",
                "channel": {"$ref": f"#/channels/{OUTCOMES}"},
                "summary": "Bind a queue of your own by <brand>.<category>.<state> to hear what became of deliveries.",
                "description": "At least once, after it is committed; one message a window and routing key.",
            },
        },
        "components": {
            "messages": {
                "event": {"payload": {"$ref": "#/components/schemas/MessageEvent"}},
                "account": {"payload": {"$ref": "#/components/schemas/AccountEvent"}},
                "batch": {"payload": _BATCH},
                "outcome": {"payload": _OUTCOME},
            },
            "schemas": schemas,
        },
    }


_BATCH = {"type": "object", "properties": {"batch": {"type": "integer"}}, "required": ["batch"]}

_DELIVERY = {
    "type": "object",
    "properties": {"ref": {"type": "string"}, "reason": {"type": "string"}, "attempt": {"type": "integer"}},
}

_OUTCOME = {
    "type": "object",
    "properties": {
        "v": {"const": 2},
        "at": {"type": "string", "format": "date-time"},
        **{name: {"type": "string"} for name in ("brand", "category", "state")},
        "mailings": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    **{name: {"type": "string"} for name in ("mailing", "event")},
                    "campaign": {"type": ["string", "null"]},
                    "deliveries": {"type": "array", "items": _DELIVERY},
                },
            },
        },
    },
}


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
