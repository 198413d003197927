"""The categories of mail and their traits.

A category is either *mandatory* (it cannot be opted out of) or *optional* (it can always be left). Everything that
tells one category from another is a trait here, so that the rules in `deciding` never name a category.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Lane(StrEnum):
    """The lanes in order of urgency. Each has its own queue, and connections that other lanes cannot take."""

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
        max_age: how long a delivery that is refused for now is tried. RFC 5321 4.5.4.1 says four to five days at
            least, and what the law asks for and an account's own mail get five: late is better than never. Service mail
            and a newsletter are stale after two days, and whatever tells of a moment after one.
        outlives_account: it reaches deactivated and restricted accounts too (account, legal and security mail).
        needs_release: a second, identified person releases it before anything is sent.
        written_fallback: who cannot get it electronically is put on the written-notice queue.
        markets: it is direct marketing: it needs a known basis or a consent, or an opt-in where that is asked for.
        promotes: it may carry promotional blocks, and needs a known basis also where it was asked for.
        partners: it is sent for a partner of the brand.
        invites: it goes to somebody who is no member yet, for a member.
        without_product: the optional category that it is, under `service_scope = "paid"`, to who does not have the
            product that it is about.
        stands_in: it is such a category: its templates and values are held to what mandatory mail is held to.
        answers: it answers a person's own request.
        may_answer: its templates may answer inquiries, and such an answer goes where the person wishes to be reached.
        tells_change: it tells of a change, at the address on record, and leaves proof of what was told.
        tells_everyone: it goes to all accounts of the brand.
        list_name: what the List-Id of optional mail calls it, before the brand's name.
    """

    name: str
    mandatory: bool
    lane: Lane
    max_age: timedelta
    outlives_account: bool = False
    needs_release: bool = False
    written_fallback: bool = False
    markets: bool = False
    promotes: bool = False
    partners: bool = False
    invites: bool = False
    without_product: str = ""
    stands_in: bool = False
    answers: bool = False
    may_answer: bool = False
    tells_change: bool = False
    tells_everyone: bool = False
    list_name: str = ""

    @property
    def is_optional(self) -> bool:
        """Tells whether recipients can opt out of it."""
        return not self.mandatory

    @property
    def is_forbidden_to_promote(self) -> bool:
        """Tells whether it must not promote anything: it is mandatory, or it takes the place of mandatory mail."""
        return self.mandatory or self.stands_in

    @property
    def is_required_by_law(self) -> bool:
        """Tells whether the law asks for such mail, and what is in it."""
        return self.answers or self.tells_change or self.written_fallback


_LEGAL = timedelta(days=5)
_STALE = timedelta(days=2)
_MOMENT = timedelta(days=1)

CATEGORIES: dict[str, Category] = {
    category.name: category
    for category in (
        Category("account", mandatory=True, lane=Lane.SERVICE, max_age=_LEGAL, outlives_account=True, may_answer=True),
        Category("service", mandatory=True, lane=Lane.SERVICE, max_age=_STALE, without_product="updates"),
        Category(
            "updates", mandatory=False, lane=Lane.SERVICE, max_age=_STALE, stands_in=True, list_name="Service updates"
        ),
        Category(
            "breach",
            mandatory=True,
            lane=Lane.BREACH,
            max_age=_LEGAL,
            outlives_account=True,
            needs_release=True,
            written_fallback=True,
        ),
        Category("rights", mandatory=True, lane=Lane.SERVICE, max_age=_LEGAL, outlives_account=True, answers=True),
        Category(
            "policy_change", mandatory=True, lane=Lane.SERVICE, max_age=_LEGAL, outlives_account=True, tells_change=True
        ),
        Category(
            "business_transition",
            mandatory=True,
            lane=Lane.SERVICE,
            max_age=_LEGAL,
            outlives_account=True,
            tells_change=True,
            tells_everyone=True,
        ),
        Category(
            "newsletter",
            mandatory=False,
            lane=Lane.NEWSLETTER,
            max_age=_STALE,
            markets=True,
            list_name="Newsletter",
        ),
        Category(
            "promotional",
            mandatory=False,
            lane=Lane.PROMOTIONAL,
            max_age=_MOMENT,
            markets=True,
            promotes=True,
            list_name="Offers",
        ),
        Category("notification", mandatory=False, lane=Lane.SERVICE, max_age=_MOMENT, list_name="Notifications"),
        Category(
            "invitation",
            mandatory=False,
            lane=Lane.PROMOTIONAL,
            max_age=_MOMENT,
            invites=True,
            list_name="Invitations",
        ),
        Category(
            "partner",
            mandatory=False,
            lane=Lane.PROMOTIONAL,
            max_age=_MOMENT,
            markets=True,
            promotes=True,
            partners=True,
            list_name="Partner offers",
        ),
    )
}
"""Every category that a policy may use, by name."""
