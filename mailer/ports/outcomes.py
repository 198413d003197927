"""The message in which applications hear what became of their mail: on `mailer.outcomes`, and by webhook."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from mailer.ports.deliveries import DeliveryState
from mailer.ports.received_mail import ReceivedMailEffect


class ReportedState(StrEnum):
    """News of a delivery, or of a person, that comes back later. The state of the delivery does not change by it."""

    BOUNCED = "bounced"
    """The receiver reports that the address does not exist. Nothing is sent to it any more."""
    BOUNCED_FOR_NOW = "bounced_for_now"
    """The receiver reports that the mailbox takes no mail for now."""
    COMPLAINED = "complained"
    """The person called the mail spam. They get no optional mail any more."""
    OPTED_OUT = "opted_out"
    """The person opted out by mail."""


STATE_OF_EFFECT: Final[Mapping[ReceivedMailEffect, ReportedState]] = {
    ReceivedMailEffect.ADDRESS_DEAD: ReportedState.BOUNCED,
    ReceivedMailEffect.SOFT_BOUNCE: ReportedState.BOUNCED_FOR_NOW,
    ReceivedMailEffect.COMPLAINT: ReportedState.COMPLAINED,
    ReceivedMailEffect.OPT_OUT: ReportedState.OPTED_OUT,
}
"""The state that is told of the effect of received mail. Of other effects nothing is told."""
_NEVER_TOLD: Final = frozenset({DeliveryState.INTENDED, DeliveryState.CLAIMED})
OUTCOME_KINDS: Final[Sequence[str]] = (
    *(state.value for state in DeliveryState if state not in _NEVER_TOLD),
    *(state.value for state in ReportedState),
)
"""All values of `state`: the states of a delivery that are told, then what comes back later."""


class _Part(BaseModel):
    """A part of the message. Later versions may add fields, which a reader ignores."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class OutcomeOfDelivery(_Part):
    """The outcome of one person's mail."""

    ref: str | None
    """The application's id of the person; of an erased person it is a hash. Null if nothing is known of them."""
    reason: str
    """The reason: one of the reasons of the reference, the status of a reply or report, or the type of a complaint."""
    attempt: int | None
    """The number of the attempt, from 1; null if no mail of ours is known."""


class OutcomesOfMailing(_Part):
    """The deliveries of one mailing."""

    mailing: UUID | None
    """The id of the mailing; null if the report belongs to no mail of ours."""
    event: str | None
    """The id of the event that the application published."""
    campaign: str | None
    """The campaign of the event."""
    deliveries: Annotated[Sequence[OutcomeOfDelivery], Field(min_length=1)]
    """The deliveries that came into the state together."""


class OutcomeMessage(_Part):
    """Deliveries of a brand and category that came into one state together. It has ids and refs, and no address."""

    v: Literal[2]
    """The version of this schema. Fields may be added without another version."""
    at: datetime
    """The time of the change."""
    brand: str
    """The brand."""
    category: str | None
    """The category under which the mail was published; null if the report belongs to no mail of ours."""
    state: Annotated[str, Field(json_schema_extra={"enum": [*OUTCOME_KINDS]})]
    """The new state, or what came back later."""
    mailings: Annotated[Sequence[OutcomesOfMailing], Field(min_length=1)]
    """The mailings with their deliveries."""
