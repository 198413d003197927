"""The standing of a recipient: all facts that decide about their mail, at one version."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

EVERYTHING_OPTIONAL = "*"
"""The scope of an opt-out that leaves all optional mail."""

EVERY_PRODUCT = "*"
"""Stands for every product: the account pays for all except those with an entry of `product_exclusion_entry`."""

_ENDED = "-"
"""The first character of a product that has ended, which no product's own name has."""

TRACKING = "tracking"
"""The scope of a consent to being tracked individually."""

VERSION = "version/"
"""The beginning of the scope of a consent to a version of the policy."""

SHARING = "sharing"
"""The scope of an opt-out from being shared with any partner, as browsers ask by Global Privacy Control."""

EMAIL = "email"
"""The channel of people who want mail."""

WRITTEN = "written_notice"
"""The channel for people whom no mail can reach (interpals-18)."""

WITHIN_OWN_CAP = "own_cap"
"""The name under which the mails within a person's own cap are counted."""

INVITED = "invitation"
"""The source of an address that a member gave, to invite its owner."""


def product_exclusion_entry(product: str) -> str:
    """Returns the entry that excludes one product for a person who pays for every other one."""
    return f"{_ENDED}{product}"


def category_scope(category: str, topic: str | None = None) -> str:
    """Returns the scope of a category, `newsletter`, or of one topic of it, `newsletter/chat-rooms`."""
    return f"{category}/{topic}" if topic else category


def purpose_scope(purpose: str) -> str:
    """Returns the scope of a consent to one purpose, or of its refusal."""
    return f"purpose/{purpose}"


def partner_scope(partner: str) -> str:
    """Returns the scope of a recorded request for a partner's mail."""
    return f"partner/{partner}"


def version_scope(version: str) -> str:
    """Returns the scope of a consent to a version of the policy (interpals-30)."""
    return f"{VERSION}{version}"


def is_neither_tracking_nor_version_scope(scope: str) -> bool:
    """Tells whether a scope is about mail. Withdrawing a consent to such a scope opts out of that mail."""
    return scope != TRACKING and not scope.startswith(VERSION)


@dataclass(slots=True)
class Standing:
    """A person at a brand, as the decision sees them.

    Nobody changes it; frozen, it would take five times as long to make, and one is made for each mail.

    Attributes:
        recipient_id: the pseudonymous id that the ledger uses.
        version: grows with each change; a hand-over only begins on the version that was decided on.
        address: where mail goes now; None once erased, or if it was never made known.
        opted_out: scopes that the person has left at the brand.
        objected: an objection to all marketing of the controller (GDPR Art. 21(3)).
        consents: scopes to which the person has consented, and not withdrawn.
        source: how the address was collected.
        country: all that were said (ISO 3166-1), one a line, the newest first; the strictest floor of them holds. None
            where nobody knows it, and the strictest floor of all holds.
        collected_under: the policy's versions then, and those agreed to since (see `policy.policy_versions`).
        deactivated: the account was closed by its owner.
        erased: the person's data are gone; only a keyed hash is left.
        erased_before: somebody with this address was erased; optional mail needs a consent given since.
        restricted: processing is restricted (GDPR Art. 18).
        under_13: known to be a child.
        address_dead: a hard bounce has shown that the address does not exist, or another system says so of all mail.
        dead_in: scopes of optional mail for which another system calls the address dead; `*` if soft bounces stop all
            of it; None: there are none.
        electronic_refused: notices are to come in writing (interpals-18).
        personalisation_refused: promotions come with an empty profile (peerstream-12).
        tracking_refused: no pixel and no tracked link (paltalk06-20).
        channel: how the person wants to be reached; `email`, or another one.
        generation: grows with each change of the address; links that do more than opt out are good for one.
        consent_days: of the consents (see `policy.consent_validity`).
        paused_until: the end of the pause of optional mail that the person chose, an aware time; None: none was chosen.
        own_cap: the person's own cap, an `OwnCap` (see `policy.limits_set_by_recipient`); None: there is none.
        invited_by: the mailing of the invitation that the address has had.
        sent: how many counted mails of a category there were within the days of its cap or alarm, and of all optional
            mail (`EVERYTHING_OPTIONAL`) within those of the brand's, and within those of the person's own cap
            (`WITHIN_OWN_CAP`), other mailings' only.
        copy_of: another recipient of the same mailing with the same address and text, whose copy counts for both.
        copy_known_at: when it is known whether that one arrives, where each person has to be told; None: it counts now.
        locale: the language tag of their mail (BCP 47), where that is known beside a mailing.
    """

    recipient_id: int
    version: int
    address: str | None
    opted_out: frozenset[str] = frozenset()
    objected: bool = False
    consents: frozenset[str] = frozenset()
    products: frozenset[str] = frozenset()
    source: str | None = None
    collected_under: str | None = None
    country: str | None = None
    deactivated: bool = False
    erased: bool = False
    erased_before: bool = False
    restricted: bool = False
    under_13: bool = False
    address_dead: bool = False
    dead_in: Sequence[str] | None = None
    electronic_refused: bool = False
    personalisation_refused: bool = False
    tracking_refused: bool = False
    channel: str = EMAIL
    generation: int = 1
    consent_days: str | None = None
    paused_until: datetime | None = None
    own_cap: str | None = None
    invited_by: UUID | None = None
    sent: tuple[tuple[str, int], ...] = ()
    copy_of: int | None = None
    copy_known_at: datetime | None = None
    locale: str | None = None

    def has_opted_out_of(self, category: str, topic: str | None = None) -> bool:
        """Tells whether the person has opted out of a category, of this topic of it, or of all optional mail."""
        return bool(self.opted_out) and not self.opted_out.isdisjoint(
            (EVERYTHING_OPTIONAL, category, category_scope(category, topic))
        )

    def pays_for(self, product: str | None) -> bool:
        """Tells whether the account pays for a product; None: for any at all."""
        has = self.products
        return bool(has) and (
            product is None or product in has or (EVERY_PRODUCT in has and product_exclusion_entry(product) not in has)
        )

    def pays_for_every_product(self) -> bool:
        """Tells whether the account pays for every product, without any exception."""
        return EVERY_PRODUCT in self.products and all(name[0] != _ENDED for name in self.products)

    def count_sent(self, name: str) -> int:
        """Returns the number of counted mails of a category, or of `EVERYTHING_OPTIONAL`; 0 if there is none."""
        for counted, n in self.sent:
            if counted == name:
                return n
        return 0
