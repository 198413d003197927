"""E-mail notifications and opt-outs, where the privacy policy runs.

What applications import:

    from mailer import MessageEvent, Refs, publish

    to = Refs(refs=["user-17"])
    await publish(MessageEvent(id="…", brand="…", category="service", template="…", to=to))
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mailer.account_event_types import (
        AccountEvent,
        Allows,
        Becomes,
        Caps,
        Consents,
        Leaves,
        Pauses,
        Pays,
        Posts,
        Reaches,
        Rectifies,
        validate_account,
    )
    from mailer.events import Attachment, Audience, EventRefused, MessageEvent, People, Person, Refs
    from mailer.ports.broker import BrokerUnavailable
    from mailer.postgres.event_outbox_insert import publish_in_transaction
    from mailer.publishing import publish, publish_blocking
    from mailer.settings import SettingsError

__all__ = [
    "AccountEvent",
    "Allows",
    "Attachment",
    "Audience",
    "Becomes",
    "BrokerUnavailable",
    "Caps",
    "Consents",
    "EventRefused",
    "Leaves",
    "MessageEvent",
    "Pauses",
    "Pays",
    "People",
    "Person",
    "Posts",
    "Reaches",
    "Rectifies",
    "Refs",
    "SettingsError",
    "publish",
    "publish_blocking",
    "publish_in_transaction",
    "validate_account",
]

_HOMES = {
    "AccountEvent": "mailer.account_event_types",
    "Allows": "mailer.account_event_types",
    "Attachment": "mailer.events",
    "Audience": "mailer.events",
    "Becomes": "mailer.account_event_types",
    "BrokerUnavailable": "mailer.ports.broker",
    "Caps": "mailer.account_event_types",
    "Consents": "mailer.account_event_types",
    "EventRefused": "mailer.events",
    "Leaves": "mailer.account_event_types",
    "MessageEvent": "mailer.events",
    "Pauses": "mailer.account_event_types",
    "Pays": "mailer.account_event_types",
    "People": "mailer.events",
    "Person": "mailer.events",
    "Posts": "mailer.account_event_types",
    "Reaches": "mailer.account_event_types",
    "Rectifies": "mailer.account_event_types",
    "Refs": "mailer.events",
    "SettingsError": "mailer.settings",
    "publish": "mailer.publishing",
    "publish_blocking": "mailer.publishing",
    "publish_in_transaction": "mailer.postgres.event_outbox_insert",
    "validate_account": "mailer.account_event_types",
}


def __getattr__(name: str) -> Any:
    """Loads a name at its first use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'mailer' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
