"""The JSON shapes of what operators see: the API answers with them, and commands print them with `--json`."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from mailer.policy.publisher_rights import RightsOfOnePublisher
from mailer.policy.setup_fault_replies import operator_checks_by_status, operator_checks_for_reply
from mailer.ports.dead_letters import DeadLetter, ListedDeadLetter
from mailer.ports.flow_metrics import FIGURES, Values
from mailer.ports.halts import Halt, HaltInForce
from mailer.ports.processor_states import ReportedProcessorState
from mailer.ports.publishers import PublisherRecord, PublisherRightsChange
from mailer.ports.rates import RateLimit
from mailer.ports.stream_pauses import SET_UP, StreamPause


def shape_of_halt(halt: Halt) -> dict[str, Any]:
    """Returns a halt: what stands still, since when, by whom and why."""
    return {"scope": halt.scope.value, "key": halt.key, "by": halt.by, "reason": halt.reason, "at": halt.at}


def shape_of_halt_in_force(one: HaltInForce) -> dict[str, Any]:
    """Returns a halt with the brand and the event that it concerns."""
    return {**shape_of_halt(one.halt), "brand": one.brand, "event": one.event_id}


def shape_of_processor_state(state: ReportedProcessorState) -> dict[str, Any]:
    """Returns the state of a processor as the workers find it."""
    return {
        "processor": state.relay,
        "state": state.state,
        "since": state.since,
        "last_error": state.error or None,
        "remedy": state.remedy or None,
        "times": state.times,
        "workers": state.workers,
    }


def shape_of_stream_pause(pause: StreamPause) -> dict[str, Any]:
    """Returns a stream that pauses, with what to check if our set-up is to blame."""
    status = next((word for word in pause.says.split() if operator_checks_by_status(word)), None)
    return {
        "processor": pause.processor,
        "category": pause.category,
        "domain": pause.domain,
        "until": pause.until,
        "reason": pause.reason,
        "says": pause.says or None,
        "check": operator_checks_for_reply(status, pause.says) if pause.reason == SET_UP else None,
    }


def shape_of_limit(limit: RateLimit) -> dict[str, Any]:
    """Returns a rate limit, or a pace."""
    return asdict(limit) | {
        "began_on": limit.began_on and limit.began_on.isoformat(),
        "at": limit.at and limit.at.isoformat(),
    }


def shapes_of_figures(figures: Values) -> list[dict[str, Any]]:
    """Returns the figures of the flow, one for each metric and labels."""
    return [
        {
            "figure": FIGURES[name].metric,
            "labels": dict(zip(FIGURES[name].labels, labels, strict=True)),
            "value": value,
        }
        for name, samples in figures.items()
        for labels, value in samples
    ]


def shape_of_rights(rights: RightsOfOnePublisher) -> dict[str, list[str]]:
    """Returns the rights of a publisher, each kind sorted."""
    return {
        "brands": sorted(rights.brands),
        "categories": sorted(rights.categories),
        "actions": sorted(rights.actions),
        "reads": sorted(rights.reads),
    }


def shape_of_publisher(known: PublisherRecord) -> dict[str, Any]:
    """Returns a publisher with its rights."""
    return {
        "publisher": str(known.publisher.identity),
        **shape_of_rights(known.publisher.rights),
        "created_at": known.created_at.isoformat(),
        "revoked_at": known.revoked_at.isoformat() if known.revoked_at else None,
    }


def shapes_of_rights_changes(changes: Iterable[PublisherRightsChange]) -> list[dict[str, Any]]:
    """Returns the changes of a publisher's rights, with who made them."""
    return [{**asdict(one), "at": one.at.isoformat()} for one in changes]


def shape_of_dead_letter(letter: DeadLetter) -> dict[str, Any]:
    """Returns a dead letter without its body."""
    message = letter.message
    return _shape_of_letter(letter, letter.exchange, message.routing_key, message.message_id, len(message.body))


def shape_of_listed_dead_letter(letter: ListedDeadLetter) -> dict[str, Any]:
    """Returns a dead letter of a list."""
    return _shape_of_letter(letter, letter.exchange, letter.routing_key, letter.message_id, letter.size)


def _shape_of_letter(
    letter: DeadLetter | ListedDeadLetter, exchange: str, key: str, event: str | None, size: int
) -> dict[str, Any]:
    return {
        "id": letter.id,
        "at": letter.at.isoformat(),
        "kind": letter.kind.value,
        "reason": letter.reason,
        "exchange": exchange,
        "routing_key": key,
        "event": event,
        "publisher": letter.publisher or None,
        "bytes": size,
        "replayed_at": letter.replayed_at.isoformat() if letter.replayed_at else None,
    }
