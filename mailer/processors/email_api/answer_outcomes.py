"""The outcomes of HTTP answers, as far as all services agree. Tables of their own error codes are in their folders."""

from collections.abc import Collection
from typing import Any, Final

from mailer.input_types import parse_json_with_unique_keys
from mailer.policy.connection_trouble import ConnectionTrouble
from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.policy.smtp_replies import storable_reply_text

THROTTLED: Final = 429
UNAVAILABLE: Final = 503
_NO_CREDENTIALS: Final = frozenset((401, 403))
_OF_OUR_SET_UP: Final = frozenset((402, 404, 405, 406, 410, 411, 414, 415, 421, 426, 431, 451))
"""Answers about the account, the address or the form of the request: no other message would fare better."""
_MAX_TEXT: Final = 500


def outcome_of_status(status: int, text: str, *, not_taken: Collection[int] = (UNAVAILABLE,)) -> Outcome:
    """Returns the outcome of an answer by its status alone.

    Args:
        status: the HTTP status code; no success.
        text: the words of the service, without secrets.
        not_taken: the statuses from 500 on after which the service has certainly not taken the message.
    """
    if status in _NO_CREDENTIALS:
        return refused_credentials(status)
    if status == THROTTLED or status in not_taken:
        return service_trouble(ConnectionTrouble.BUSY, status, text)
    if status in _OF_OUR_SET_UP or status < 400:
        return service_trouble(ConnectionTrouble.REFUSED, status, text)
    if status == 408 or status >= 500:
        return in_doubt(f"HTTP {status} {text}")
    return blocked(status, text)


def accepted(status: int, message_id: str) -> Outcome:
    """Returns the outcome of a message that the service has taken under an id of its own."""
    return Outcome(OutcomeKind.ACCEPTED, status, None, short_text(f"accepted as {message_id}"))


def blocked(status: int | None, text: str) -> Outcome:
    """Returns the outcome of a message that the service refuses. Without a status it counts against no stream."""
    return Outcome(OutcomeKind.BLOCKED, status, None, short_text(text))


def in_doubt(text: str) -> Outcome:
    """Returns the outcome of a message that the service may have taken."""
    return Outcome(OutcomeKind.IN_DOUBT, text=short_text(text))


def service_trouble(trouble: ConnectionTrouble, status: int, text: str) -> Outcome:
    """Returns the outcome of messages that a service refuses since it is busy, or refuses us."""
    return Outcome(OutcomeKind.UNSENT, text=short_text(f"HTTP {status} {text}"), trouble=trouble)


def refused_credentials(status: int, error_name: str = "") -> Outcome:
    """Returns the outcome of refused credentials. The service's words may quote the secret, so they are not kept."""
    return service_trouble(ConnectionTrouble.AUTH, status, f"{error_name} the service refuses our credentials".strip())


def refused_sender(status: int, text: str) -> Outcome:
    """Returns the outcome of a message whose sender is not set up at the service. Other senders may be."""
    return Outcome(OutcomeKind.UNSENT, status, None, short_text(text), ConnectionTrouble.REFUSED)


def unreadable(status: int) -> Outcome:
    """Returns the outcome of a success that is not written as the service writes one."""
    return in_doubt(f"HTTP {status} with a body that cannot be read")


def is_about_service(outcome: Outcome) -> bool:
    """Tells whether an outcome is about the service, so that it holds for all messages."""
    return outcome.result is OutcomeKind.UNSENT and outcome.trouble is not None and outcome.code is None


def short_text(text: str) -> str:
    """Returns a service's words on one line, for storage."""
    return " ".join(storable_reply_text(text).split())[:_MAX_TEXT]


def read_json(body: bytes) -> Any:
    """Returns a body as JSON, or None if it is none."""
    try:
        return parse_json_with_unique_keys(body)
    except (ValueError, RecursionError):
        return None


def read_text(value: Any, *names: str) -> str:
    """Returns the first text among some members of a JSON object, or an empty text."""
    texts = (value.get(name) for name in names) if isinstance(value, dict) else ()
    return next((text for text in texts if isinstance(text, str)), "")
