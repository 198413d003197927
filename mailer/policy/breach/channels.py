"""The channel by which a person is told, with the reason and the rule. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from mailer.policy.breach.facts import BreachFacts, DataKind
from mailer.policy.breach.rule_rows import ChannelReason, ChannelRule
from mailer.policy.breach.rule_set import BreachRules

Channel = Literal["mail", "letter", "none"]


@dataclass(frozen=True, slots=True)
class PersonToTell:
    """A person, as far as the channel depends on them.

    Attributes:
        place: a country or a part of one; empty: unknown.
        has_address: an e-mail address is known. is_address_dead: mail to it has come back for good.
        has_refused_electronic: they want to be told on paper.
        has_electronic_consent: they agreed to get notices by mail (15 U.S.C. 7001(c)); None: nobody knows.
        is_under_13: the letter goes to the parents or guardians.
        is_mailbox_compromised: strangers can read their mailbox.
        has_postal_address: a letter can be sent.
    """

    place: str
    has_address: bool
    is_address_dead: bool = False
    has_refused_electronic: bool = False
    has_electronic_consent: bool | None = None
    is_under_13: bool = False
    is_mailbox_compromised: bool = False
    has_postal_address: bool = False


@dataclass(frozen=True, slots=True)
class ChannelChoice:
    """The channel, the reason for it, and the id of the rule; `none`: nobody knows how to reach this person."""

    channel: Channel
    reason: ChannelReason
    rule: str


def choose_channel(person: PersonToTell, facts: BreachFacts, rules: BreachRules) -> ChannelChoice:
    """Returns the channel by which a person is told.

    The first reason of `ChannelReason` counts that is true of the person and has a rule at their place. If a letter is
    due and no postal address is known, people get mail who only lack the consent for it, as a substitute; all others
    get `none`, and wait in the queue of written notices until somebody finds an address.
    """
    for reason in _reasons_of_person(person, facts):
        row = _row_for_reason(reason, person.place, facts, rules)
        if row is None or row.channel == "mail":
            continue
        if person.has_postal_address:
            return ChannelChoice("letter", reason, row.id)
        if reason is ChannelReason.NO_ELECTRONIC_CONSENT:
            substitute = _row_for_reason(ChannelReason.NO_POSTAL_ADDRESS, person.place, facts, rules)
            if substitute is not None and substitute.channel == "mail":
                return ChannelChoice("mail", ChannelReason.NO_POSTAL_ADDRESS, substitute.id)
        return ChannelChoice("none", reason, row.id)
    usual = _row_for_reason(ChannelReason.MAIL, person.place, facts, rules)
    return ChannelChoice("mail", ChannelReason.MAIL, usual.id if usual else "")


def _reasons_of_person(person: PersonToTell, facts: BreachFacts) -> Iterator[ChannelReason]:
    """Yields the reasons against mail that are true of a person, the weightiest first."""
    is_true = {
        ChannelReason.UNDER_13: person.is_under_13,
        ChannelReason.OUR_MAIL_COMPROMISED: facts.mail_trouble == "ours",
        ChannelReason.OWN_MAILBOX_COMPROMISED: is_mailbox_compromised(person, facts),
        ChannelReason.NO_ADDRESS: not person.has_address,
        ChannelReason.ADDRESS_DEAD: person.is_address_dead,
        ChannelReason.ELECTRONIC_REFUSED: person.has_refused_electronic,
        ChannelReason.NO_ELECTRONIC_CONSENT: person.has_electronic_consent is not True,
    }
    return (reason for reason in ChannelReason if is_true.get(reason, False))


def is_mailbox_compromised(person: PersonToTell, facts: BreachFacts) -> bool:
    """Tells whether strangers may read the mailbox: it is listed, or mailboxes were opened and nobody listed whose."""
    nobody_says_whose = DataKind.MAILBOX_CREDENTIALS in facts.data and facts.mail_trouble != "theirs"
    return person.is_mailbox_compromised or nobody_says_whose


def _row_for_reason(reason: ChannelReason, place: str, facts: BreachFacts, rules: BreachRules) -> ChannelRule | None:
    """Returns the rule for a reason at a place, the most particular one; all hold for people of unknown places."""
    held = [
        row for row in rules.channel_rows[reason] if (not place or row.is_of_place(place)) and row.is_true_of(facts)
    ]
    return max(held, key=lambda row: (place in row.places, bool(row.places)), default=None)
