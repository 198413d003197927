"""Requests of people for their data: their kinds, their deadline, and the steps that each has taken. Pure."""

import calendar
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from mailer.policy.rule_registry import rule

CONFIRM_WITHIN = timedelta(days=7)
"""The time from the request in which the link in the mail can confirm it."""
COPY_LASTS = timedelta(days=7)
"""The time from the confirmation in which the copy can be saved."""
ALARM_BEFORE = timedelta(days=7)
"""The time before a deadline from which the request is urgent."""
KEPT_AFTER_ANSWER = timedelta(days=30)
"""The time from the answer in which the page of a request shows it. The ledger has its steps afterwards, too."""
MAX_NOTE = 1000
"""The most characters of a person's own words."""


class DataRequestKind(StrEnum):
    """The kinds of data requests. The names stand in the database and in the ledger."""

    COPY = "copy"
    CORRECTION = "correction"
    ERASURE = "erasure"
    RESTRICTION = "restriction"


class DataRequestStep(StrEnum):
    """The steps of a data request, as its page shows them."""

    ASKED = "asked"
    """The mail with the link was sent. Nothing is done before the person confirms."""
    EXPIRED = "expired"
    """It was not confirmed in time."""
    WAITING = "waiting"
    """The person confirmed it, and staff have to work on it."""
    DONE = "done"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class DataRequest:
    """A request of a person for their data.

    Attributes:
        ref: the application's key for the person; after an erasure, a meaningless one.
        generation: of the address that the mail with the link went to.
        asked_at, due_at, confirmed_at, answered_at: aware times; None: not yet. asked_at is that of the mail with the
            link, from which the time to confirm counts; due_at counts from the form that brought the mail.
        note: the person's own words, for staff. reason: the words of the answer.
        answer: `done` or `refused`; None: not yet. answered_by: the person of staff; None: mailer did it.
    """

    id: UUID
    brand: str
    recipient_id: int
    ref: str
    wanted: DataRequestKind
    generation: int
    asked_at: datetime
    due_at: datetime
    confirmed_at: datetime | None = None
    note: str | None = None
    answer: str | None = None
    answered_at: datetime | None = None
    answered_by: str | None = None
    reason: str | None = None


@rule("data-request-deadline", "peerstream-13; GDPR Art. 12(3)")
def deadline_of_data_request(asked_at: datetime) -> datetime:
    """Each request for data is answered within one month, counted from the request; the person sees the day."""
    year, month = asked_at.year + asked_at.month // 12, asked_at.month % 12 + 1
    last = calendar.monthrange(year, month)[1]
    return asked_at.replace(year=year, month=month, day=min(asked_at.day, last))


def step_of_data_request(request: DataRequest, now: datetime) -> DataRequestStep:
    """Returns the step at which a request stands at a time."""
    if request.answer is not None:
        return DataRequestStep(request.answer)
    if request.confirmed_at is not None:
        return DataRequestStep.WAITING
    return DataRequestStep.EXPIRED if now > request.asked_at + CONFIRM_WITHIN else DataRequestStep.ASKED


def _allow_every_copy_if_rule_disabled(*_: Any) -> bool:
    return True


@rule("confirmed-copy", "peerstream-08; GDPR Art. 12(6)", idle=_allow_every_copy_if_rule_disabled)
def is_copy_available(request: DataRequest, now: datetime) -> bool:
    """A copy of the data goes out only after a press behind the mail to the registered address, and for 7 days."""
    return (
        request.wanted is DataRequestKind.COPY
        and request.confirmed_at is not None
        and request.answer == "done"
        and now <= request.confirmed_at + COPY_LASTS
    )
