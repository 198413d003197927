"""E-mail notifications and opt-outs, where the privacy policy runs.

What applications import:

    from mailer import MessageEvent, publish

    await publish(MessageEvent(id="…", brand="…", category="service", template="…", to={"refs": ["user-17"]}))
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mailer.accounts import AccountEvent, validate_account
    from mailer.events import EventRefused, MessageEvent, Person
    from mailer.ports.broker import BrokerUnavailable
    from mailer.postgres.outbox import publish_in_transaction
    from mailer.publishing import publish, publish_blocking

__all__ = [
    "AccountEvent",
    "BrokerUnavailable",
    "EventRefused",
    "MessageEvent",
    "Person",
    "publish",
    "publish_blocking",
    "publish_in_transaction",
    "validate_account",
]

_HOMES = {
    "AccountEvent": "mailer.accounts",
    "BrokerUnavailable": "mailer.ports.broker",
    "EventRefused": "mailer.events",
    "MessageEvent": "mailer.events",
    "Person": "mailer.events",
    "publish": "mailer.publishing",
    "publish_blocking": "mailer.publishing",
    "publish_in_transaction": "mailer.postgres.outbox",
    "validate_account": "mailer.accounts",
}


def __getattr__(name: str) -> Any:
    """Loads a name at its first use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'mailer' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
