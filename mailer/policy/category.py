"""The categories of mail and their traits.

A category is either *mandatory* (it cannot be opted out of) or *optional* (it can always be left). Everything that
tells one category from another is a trait here, so that the rules in `deciding` never name a category.
"""

from dataclasses import dataclass
from enum import StrEnum


class Lane(StrEnum):
    """A queue of its own, with connections that other lanes cannot take. In order of urgency."""

    BREACH = "breach"
    SERVICE = "service"
    NEWSLETTER = "newsletter"
    PROMOTIONAL = "promotional"


@dataclass(frozen=True, slots=True)
class Category:
    """One kind of mail.

    Attributes:
        name: as written in events, templates and policies.
        mandatory: no opt-out, complaint or marketing suppression stops it.
        lane: the queue it travels on.
        outlives_account: it reaches deactivated accounts too (legal and security mail).
        needs_release: a second, identified person releases it before anything is sent.
        written_fallback: who cannot get it electronically is put on the written-notice queue.
        markets: it is direct marketing, so that a policy or a jurisdiction may ask for an opt-in.
        promotes: it may carry promotional blocks, and needs a known basis.
        partners: it is sent for a partner of the brand.
        invites: it goes to somebody who is no member yet, for a member.
        follows_service_scope: where only paid service mail is mandatory, it is a notification to everyone else.
        tells_change: it tells of a change, at the address on record, and leaves proof of what was told.
        tells_everyone: it goes to all accounts of the brand.
    """

    name: str
    mandatory: bool
    lane: Lane
    outlives_account: bool = False
    needs_release: bool = False
    written_fallback: bool = False
    markets: bool = False
    promotes: bool = False
    partners: bool = False
    invites: bool = False
    follows_service_scope: bool = False
    tells_change: bool = False
    tells_everyone: bool = False

    @property
    def optional(self) -> bool:
        """Whether recipients may leave it."""
        return not self.mandatory


CATEGORIES: dict[str, Category] = {
    category.name: category
    for category in (
        Category("service", mandatory=True, lane=Lane.SERVICE, follows_service_scope=True),
        Category(
            "breach",
            mandatory=True,
            lane=Lane.BREACH,
            outlives_account=True,
            needs_release=True,
            written_fallback=True,
        ),
        Category("rights", mandatory=True, lane=Lane.SERVICE, outlives_account=True),
        Category("policy_change", mandatory=True, lane=Lane.SERVICE, outlives_account=True, tells_change=True),
        Category(
            "business_transition",
            mandatory=True,
            lane=Lane.SERVICE,
            outlives_account=True,
            tells_change=True,
            tells_everyone=True,
        ),
        Category("newsletter", mandatory=False, lane=Lane.NEWSLETTER, markets=True),
        Category("promotional", mandatory=False, lane=Lane.PROMOTIONAL, markets=True, promotes=True),
        Category("notification", mandatory=False, lane=Lane.SERVICE),
        Category("invitation", mandatory=False, lane=Lane.PROMOTIONAL, invites=True),
        Category("partner", mandatory=False, lane=Lane.PROMOTIONAL, markets=True, promotes=True, partners=True),
    )
}
"""Every category that a policy may use, by name."""
