"""The JSON shapes of what operators see: the API answers with them, and commands print them with `--json`."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from mailer.policy.publisher_rights import RightsOfOnePublisher
from mailer.policy.setup_fault_replies import find_setup_checks_for_enhanced_status, find_setup_checks_for_reply
from mailer.ports.dead_letters import DeadLetter, ListedDeadLetter
from mailer.ports.flow_metrics import FIGURES, Values
from mailer.ports.halts import Halt, HaltInForce
from mailer.ports.processor_states import ReportedProcessorState
from mailer.ports.publishers import PublisherRecord, PublisherRightsChange
from mailer.ports.rates import RateLimit
from mailer.ports.stream_pauses import SET_UP, StreamPause


def halt_as_json(halt: Halt) -> dict[str, Any]:
    """Returns a halt: what stands still, since when, by whom and why."""
    return {"scope": halt.scope.value, "key": halt.key, "by": halt.by, "reason": halt.reason, "at": halt.at}


def halt_in_force_as_json(one: HaltInForce) -> dict[str, Any]:
    """Returns a halt with the brand and the event that it concerns."""
    return {**halt_as_json(one.halt), "brand": one.brand, "event": one.event_id}


def processor_state_as_json(state: ReportedProcessorState) -> dict[str, Any]:
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


def stream_pause_as_json(pause: StreamPause) -> dict[str, Any]:
    """Returns a stream that pauses, with what to check if our set-up is to blame."""
    status = next((word for word in pause.says.split() if find_setup_checks_for_enhanced_status(word)), None)
    return {
        "processor": pause.processor,
        "category": pause.category,
        "domain": pause.domain,
        "until": pause.until,
        "reason": pause.reason,
        "says": pause.says or None,
        "check": find_setup_checks_for_reply(status, pause.says) if pause.reason == SET_UP else None,
    }


def rate_limit_as_json(limit: RateLimit) -> dict[str, Any]:
    """Returns a rate limit, or a pace."""
    return asdict(limit) | {
        "began_on": limit.began_on and limit.began_on.isoformat(),
        "at": limit.at and limit.at.isoformat(),
    }


def flow_metrics_as_json(figures: Values) -> list[dict[str, Any]]:
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


def publisher_rights_as_json(rights: RightsOfOnePublisher) -> dict[str, list[str]]:
    """Returns the rights of a publisher, each kind sorted."""
    return {
        "brands": sorted(rights.brands),
        "categories": sorted(rights.categories),
        "actions": sorted(rights.actions),
        "reads": sorted(rights.reads),
    }


def publisher_as_json(known: PublisherRecord) -> dict[str, Any]:
    """Returns a publisher with its rights."""
    return {
        "publisher": str(known.publisher.identity),
        **publisher_rights_as_json(known.publisher.rights),
        "created_at": known.created_at.isoformat(),
        "revoked_at": known.revoked_at.isoformat() if known.revoked_at else None,
    }


def publisher_rights_changes_as_json(changes: Iterable[PublisherRightsChange]) -> list[dict[str, Any]]:
    """Returns the changes of a publisher's rights, with who made them."""
    return [{**asdict(one), "at": one.at.isoformat()} for one in changes]


def dead_letter_without_body_as_json(letter: DeadLetter) -> dict[str, Any]:
    """Returns a dead letter without its body."""
    message = letter.message
    return _dead_letter_fields_as_json(
        letter, letter.exchange, message.routing_key, message.message_id, len(message.body)
    )


def listed_dead_letter_as_json(letter: ListedDeadLetter) -> dict[str, Any]:
    """Returns a dead letter of a list."""
    return _dead_letter_fields_as_json(letter, letter.exchange, letter.routing_key, letter.message_id, letter.size)


def _dead_letter_fields_as_json(
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
