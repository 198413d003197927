"""The sections of a policy file: controller, senders, hours, the terms of a category, the privacy seal."""

from collections.abc import Iterator
from datetime import time
from functools import cached_property
from typing import Literal, Self

from pydantic import (
    Field,
    model_validator,
)

from mailer.policy.category import Category
from mailer.policy.policy_file_errors import PolicyError as PolicyError
from mailer.policy.policy_file_errors import (
    build_pydantic_error_for_fault,
)
from mailer.policy.policy_key_types import (
    Clock,
    Flag,
    FrequencyCap,
    Https,
    Section,
    Sender,
    Slug,
    Text,
)


class Controller(Section):
    """The company that is legally responsible for the mail (GDPR Art. 4(7)).

    Attributes:
        postal_address: stands in each optional mail (CAN-SPAM 5(a)(5)).
        authority: where one may complain about the controller (GDPR Art. 77), as a reply names it.
    """

    id: Slug
    name: Text
    postal_address: Text
    authority: Text | None = None


class Senders(Section):
    """The From of mandatory and of optional mail, `Name <address>`; kept apart for their reputation's sake."""

    mandatory: Sender
    optional: Sender


class SendingHours(Section):
    """The hours of the day in which optional mail goes out, by the recipient's clock.

    Attributes:
        opens, closes: `from` and `to` in the file; what begins at `closes` is outside.
    """

    opens: Clock = Field(alias="from")
    closes: Clock = Field(alias="to")

    @model_validator(mode="after")
    def _check_hours_order(self) -> Self:
        if self.closes <= self.opens:
            raise build_pydantic_error_for_fault("no_hours", ("to",))
        return self

    @cached_property
    def opening_and_closing(self) -> tuple[time, time]:
        """The opening and the closing as times of the day."""
        return time.fromisoformat(self.opens), time.fromisoformat(self.closes)


class CategoryTerms(Section):
    """The terms that a policy sets for one of its categories.

    Attributes:
        confirmed: it needs a confirmed subscription of its own (double opt-in); optional categories only.
        cap: how often at most; optional categories only.
        reason: "required" where each event says why it is necessary; mandatory categories only (paltalk06-04).
        alarm: beyond this rate an account's mail is still sent, and noticed; mandatory categories only (paltalk06-04).
    """

    confirmed: Flag = False
    cap: FrequencyCap | None = None
    reason: Literal["required", "optional"] = "optional"
    alarm: FrequencyCap | None = None

    def misfitting_keys(self, category: Category) -> Iterator[str]:
        """Yields the keys that do not fit a mandatory or an optional category."""
        if category.mandatory:
            yield from (key for key in ("confirmed", "cap") if getattr(self, key))
        else:
            yield from (key for key in ("reason", "alarm") if getattr(self, key) not in (None, "optional"))


class PrivacySealProgrammeContact(Section):
    """The programme of a privacy seal, to which people may turn who are not answered (paltalk06-29)."""

    name: Text
    url: Https
