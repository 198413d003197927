"""The rights of publishers: to publish, speak for accounts, and read. What is not granted is refused. Pure."""

import shlex
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import NamedTuple

from mailer.policy.publisher_and_staff_identity import ITSELF, Identity

ACKNOWLEDGEMENT = "letter-received"
"""The template of the one automatic answer to a letter."""
OWN_TEMPLATES = frozenset({"confirm-subscription", "data-request", "leave-link", "rights-answer", ACKNOWLEDGEMENT})
"""Templates of mailer's own mail. It publishes nothing else."""
LIFT = "lift"
DESK_ACTIONS = ("hold", "lift_hold", LIFT)
"""Actions on people that are no account events: legal holds, and the lifting of a suppression."""
OWN_CATEGORY = "rights"
"""The category of mailer's own mail. From any other publisher it waits for a second person, for any template."""
MAILING_ACTIONS = ("pause_mailing", "resume_mailing", "cancel_mailing", "reschedule_mailing")
"""The actions on mailings by the API, beside the account actions."""
BRAND_ACTIONS = ("pause_brand", "resume_brand", "replay_dead_letters", "write_segments")
"""The actions on the flow and the segments of one brand by the API."""
CAMPAIGN_ACTIONS = ("write_campaigns", "schedule_campaigns")
"""The actions on the campaigns of one brand, and on their pictures, by the API."""
BREACH_ACTIONS = ("write_breach_cases",)
"""The actions on the breach cases of one brand by the API. None of them releases anything."""
IMPORT_ACTIONS = ("import_recipients",)
"""The actions on the people of one brand together by the API."""
EVERYWHERE_ACTIONS = (
    *("stop_everything", "start_everything", "pause_processor", "resume_processor"),
    "manage_publishers",
)
"""The actions by the API that concern every brand. They need the right at each brand that has a policy here."""
OPERATION_ACTIONS = (
    *(*MAILING_ACTIONS, *BRAND_ACTIONS, *CAMPAIGN_ACTIONS, *BREACH_ACTIONS, *IMPORT_ACTIONS),
    *EVERYWHERE_ACTIONS,
)
"""All actions of operations by the API. Each is a right of its own."""


class ReadableData(StrEnum):
    """The kinds of data that can be read of a brand."""

    STATUS = "status"
    """The state and counts of a mailing."""
    STANDING = "standing"
    """The standing of a person."""
    EXPORT = "export"
    """A copy of all that is stored about somebody."""
    REPORT = "report"
    """A campaign's report."""
    HISTORY = "history"
    """A person by ref or address, and the person's history."""
    SUPPRESSIONS = "suppressions"
    """The suppressions of a brand, and of one address."""
    DEAD_LETTERS = "dead_letters"
    """The dead letters of a brand, without personal data."""
    POLICIES = "policies"
    """The versions of a brand's policy."""
    HALTS = "halts"
    """The stops that concern a brand, with who made them and why."""
    PROCESSORS = "processors"
    """The states of the processors. They serve every brand."""
    FLOW = "flow"
    """The waiting work of every brand, and the running processes."""
    SEGMENTS = "segments"
    """The segments of a brand, with their counts."""
    PUBLISHERS = "publishers"
    """The publishers of every brand, with their rights."""


class PublishAttempt(NamedTuple):
    """A wish to publish mail."""

    brand: str
    category: str
    template: str


class AccountActionAttempt(NamedTuple):
    """A wish to say something of an account: one of `mailer.account_event_types.KINDS` or `DESK_ACTIONS`."""

    brand: str
    action: str


class OperationAttempt(NamedTuple):
    """A wish to do something with the mail of a brand: one of `OPERATION_ACTIONS`."""

    brand: str
    action: str


class ReadDataAttempt(NamedTuple):
    """A wish to read something."""

    brand: str
    what: ReadableData


Wish = PublishAttempt | AccountActionAttempt | OperationAttempt | ReadDataAttempt


@dataclass(frozen=True, slots=True)
class RightsOfOnePublisher:
    """The rights granted: each of the categories, actions and reads at each of the brands. By default nothing."""

    brands: frozenset[str] = frozenset()
    categories: frozenset[str] = frozenset()
    actions: frozenset[str] = frozenset()
    reads: frozenset[str] = frozenset()


NOTHING = RightsOfOnePublisher()


def subtract_rights(rights: RightsOfOnePublisher, others: RightsOfOnePublisher) -> RightsOfOnePublisher:
    """Returns the rights that are not among some others."""
    return RightsOfOnePublisher(
        *(getattr(rights, one.name) - getattr(others, one.name) for one in fields(RightsOfOnePublisher))
    )


def names_of_rights(rights: RightsOfOnePublisher) -> tuple[str, ...]:
    """Returns rights in the form of the ledger: `brand:NAME`, `category:NAME`, `action:NAME`, `read:NAME`, sorted."""
    named = (
        ("brand", rights.brands),
        ("category", rights.categories),
        ("action", rights.actions),
        ("read", rights.reads),
    )
    return tuple(f"{what}:{name}" for what, names in named for name in sorted(names))


@dataclass(frozen=True, slots=True)
class Publisher:
    """Somebody who is known here, and what they may."""

    identity: Identity
    rights: RightsOfOnePublisher = NOTHING


PIPELINE = Publisher(ITSELF)
"""mailer itself, whose rights are no rows."""


def has_right(publisher: Publisher | None, wish: Wish) -> bool:
    """Tells whether a publisher may do something; one that is not known may nothing. The one check of all doors."""
    if publisher is None:
        return False
    rights = publisher.rights
    match wish:
        case PublishAttempt(brand, category, template):
            if publisher.identity == ITSELF:
                return category == OWN_CATEGORY and template in OWN_TEMPLATES
            return brand in rights.brands and category in rights.categories
        case AccountActionAttempt(brand, action) | OperationAttempt(brand, action):
            return brand in rights.brands and action in rights.actions
        case ReadDataAttempt(brand, what):
            return brand in rights.brands and what in rights.reads


def add_rights(rights: RightsOfOnePublisher, others: RightsOfOnePublisher) -> RightsOfOnePublisher:
    """Returns all rights of two."""
    return RightsOfOnePublisher(
        *(getattr(rights, one.name) | getattr(others, one.name) for one in fields(RightsOfOnePublisher))
    )


def _rights_spread_by_grant(known: RightsOfOnePublisher, granted: RightsOfOnePublisher) -> RightsOfOnePublisher:
    """Returns all that a grant gives somebody anywhere: each right holds at each brand.

    With a new brand, all rights that the publisher has elsewhere hold there, too; a new right holds at all its brands.
    """
    everything = add_rights(known, granted)
    is_new_brand = not granted.brands <= known.brands
    is_new_right = subtract_rights(granted, known) != RightsOfOnePublisher(granted.brands - known.brands)
    with_rights = everything if is_new_brand else granted
    with_brands = everything if is_new_right else granted
    return replace(with_rights, brands=with_brands.brands)


def refusal_to_change_publisher(
    client: Publisher, identity: Identity, granted: RightsOfOnePublisher, known: RightsOfOnePublisher = NOTHING
) -> str | None:
    """Returns why the holder of a key may not change a publisher's rights; None if they may.

    A key grants only what it has, and nobody can manage publishers because a key says so. So a key that leaks opens no
    more than it could do itself, and makes no other key that outlives it as a manager.

    Args:
        client: the holder of the key, with the right to manage publishers.
        identity: the publisher that is changed.
        granted: the rights that are granted; `NOTHING` if rights are taken back.
        known: the rights that the publisher has.
    """
    spread = _rights_spread_by_grant(known, granted)
    if identity == client.identity:
        return f"{identity} cannot change its own rights; `mailer publishers` does"
    if "manage_publishers" in spread.actions:
        return "no key grants manage_publishers; `mailer publishers add` does"
    if missing := names_of_rights(subtract_rights(spread, client.rights)):
        return f"{client.identity} has not itself what it wants to grant: {', '.join(missing)}"
    return None


def is_release_needed_for_rights_mail(identity: Identity, category: str) -> bool:
    """Tells whether mail waits for a release since it is mailer's own to say, and somebody else says it."""
    return category == OWN_CATEGORY and identity != ITSELF


_OPERATIONS_IN_WORDS = {
    **{action: action.replace("_", " a ") for action in MAILING_ACTIONS},
    "pause_brand": "stop the mail",
    "resume_brand": "start the mail",
    "replay_dead_letters": "replay dead letters",
    "write_campaigns": "write campaigns",
    "write_breach_cases": "read and write breach cases",
    "import_recipients": "import people",
    "write_segments": "save and delete segments",
    "schedule_campaigns": "check and schedule campaigns",
    "stop_everything": "stop the mail of every brand, also",
    "start_everything": "start the mail of every brand, also",
    "pause_processor": "pause a processor that has mail",
    "resume_processor": "resume a processor that has mail",
    "manage_publishers": "manage publishers",
}


def refusal_of_publisher_without_right(identity: Identity, publisher: Publisher | None, wish: Wish) -> str | None:
    """The reason why an identity may not do something, and the command that would let it; None if it may."""
    if has_right(publisher, wish):
        return None
    match wish:
        case PublishAttempt(brand, category):
            what, option = f"publish {category} mail of {brand}", f"--category {category}"
        case AccountActionAttempt(brand, action):
            what, option = f"say {action} of an account at {brand}", f"--action {action}"
        case OperationAttempt(brand, action):
            what, option = f"{_OPERATIONS_IN_WORDS[action]} of {brand}", f"--action {action}"
        case ReadDataAttempt(brand, read):
            what, option = f"read {read} of {brand}", f"--read {read}"
    if identity == ITSELF:
        return f"mailer itself does not {what}"
    why = f"{identity} is no known publisher" if publisher is None else f"{identity} may not {what}"
    return f"{why}; `mailer publishers add {shlex.quote(str(identity))} --brand {brand} {option}` lets it"
