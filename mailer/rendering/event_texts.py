"""Checks of the texts in an event: addresses of other people, names of partners, and forbidden promotion.

Each rule checks all texts of an event: context, personal values, reason, file names and the texts in files.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

from mailer.events import Attachment, MessageEvent, People
from mailer.policy.category import Category
from mailer.policy.policy_file import Policy
from mailer.policy.rule_registry import rule
from mailer.policy.text_folding_for_comparison import UNSEEN, fold_text_for_comparison, normalized, remove_separators
from mailer.rendering.autolinks import texts_and_keys_in_json
from mailer.rendering.promotional_words import (
    AMOUNT,
    find_promotional_words,
    find_promotional_words_in_url,
    long_words_of_promotional_phrases,
)
from mailer.rendering.template import Template
from mailer.rendering.value_types import (
    MAILBOX,
    SLUG,
    SingleType,
    ValueType,
    parts_of_value_with_free_text,
    shown_values_except_times,
)

_AT: Final = re.compile(r"[^\s@<>(,;:=&?/]@((?:[\w-]+\.)+[^\W\d_][\w-]+|\[[\w.:]+\])")
"""The end of a mailbox, with its domain as the group."""
_MAYBE: Final = re.compile(r"[@%=&(\[]|[aA][tT]\s")
"""Each way to write an @ in ASCII has one of these characters."""
_EQUALS: Final = str.maketrans(dict.fromkeys("\uff1d\ufe66\u207c\u208c", " = "))
"""Signs that NFKC turns into an =. Followed by digits, no program reads them as an @."""
_LONG: Final = 60
_SIGN: Final = re.compile(rf"[%٪$€£¥!]|\d\W*[^\W\d]|{AMOUNT}", re.IGNORECASE)
"""Signs and amounts that a name does not have; the number in `Anna 7` is none of them."""
_SELLING: Final = long_words_of_promotional_phrases()
_WRITTEN_OUT: Final = re.compile(
    r"(?<!\s)\s*(?:@|[%=](?:25)*40|&#0*64;|&#x0*40;|&commat;|[(\[]\s?at\s?[)\]]|\bat\b(?=\s+[\w-]+(?:\.[\w-]+)+))\s*"
)
"""The ways to write an @, with the blanks around it."""


class TextInEvent(NamedTuple):
    """A text in an event.

    Attributes:
        place: the field that has it.
        text: the text itself.
        are_words: whether it is free text, and not an address, a number or another typed value.
        is_slug: whether it is a slug or a URL, whose words are joined by other characters.
        own: the address of the only person who gets it; None if several people get it.
        kind: the type that the template declares for it, if any.
    """

    place: str
    text: str
    are_words: bool = True
    own: str | None = None
    is_slug: bool = False
    kind: ValueType | None = None


class EventValuesWithWords(NamedTuple):
    """The values of an event that may have words, by their names.

    Attributes:
        shared: the values of its context.
        own: the values of each of its people.
    """

    shared: Mapping[str, Any]
    own: Sequence[Mapping[str, Any]]


def event_text_faults(
    event: MessageEvent, policy: Policy, category: Category, template: Template, worded: EventValuesWithWords
) -> Iterator[str]:
    """Yields the faults of an event's texts: contents that a mail of its category may not have."""
    texts = _texts_of_event(event, worded, template)
    if category.is_required_by_law:  # it names a contact, maybe of another company, and a second person releases it
        texts = [one for one in texts if one.kind is not MAILBOX]
    whole = "\n".join([one.text for one in texts])
    yield from foreign_mailbox_faults(event, policy, texts if _may_hold_mailbox(whole) else ())
    yield from undeclared_partner_faults(event, policy, category, texts, whole)
    yield from forbidden_promotion_in_event_text_faults(event, category, template, texts)


@rule("own-addresses", "interpals-27", idle=())
def foreign_mailbox_faults(event: MessageEvent, policy: Policy, texts: Sequence[TextInEvent]) -> Iterator[str]:
    """No mail shows an address but its reader's and the brand's own: not in Reply-To, a value, a reason or a file."""
    if event.reply_to and not _is_brand_domain(event.reply_to.rpartition("@")[2], policy):
        yield f"reply_to: is none of {policy.domain}; where answers go is the brand's: name its domain in reply_domains"
    for place in dict.fromkeys(
        one.place for one in texts if _may_hold_mailbox(one.text) and _has_foreign_mailbox(one, policy)
    ):
        yield (
            f"{place}: holds an address that is neither the reader's nor of {policy.domain}; nobody's address is shown "
            "to others: leave it out, or name the brand's other domains in reply_domains"
        )


@rule("partner-named", "interpals-05", idle=())
def undeclared_partner_faults(
    event: MessageEvent, policy: Policy, category: Category, texts: Sequence[TextInEvent], whole: str
) -> Iterator[str]:
    """An event that names a partner says so in `partner`; mail that nobody can leave names no partner."""
    if category.partners or not (policy.partners or event.partner):
        return
    if event.partner is not None and category.mandatory:
        yield f"partner: {category.name} mail is for no partner; leave it out, or publish partner mail"
    elif event.partner is not None and event.partner not in {partner.id for partner in policy.partners}:
        yield f"partner: {event.brand} has no partner {event.partner}"
    if category.is_required_by_law:  # the law requires the names of those who got data
        return
    letters = remove_separators(fold_text_for_comparison(f"{whole}\n{event.reply_to}\n{event.topic}\n{event.campaign}"))
    for partner in policy.partners:
        if partner.id == event.partner or not any(name in letters for name in partner.names_without_separators):
            continue
        fields = {"reply_to": event.reply_to, "topic": event.topic, "campaign": event.campaign}
        places = [(one.place, one.text) for one in texts] + [(place, text) for place, text in fields.items() if text]
        remedy = "leave it out" if category.mandatory else f'say "partner": "{partner.id}"'
        for place in dict.fromkeys(
            place for place, text in places if partner.is_named_in_text(fold_text_for_comparison(text))
        ):
            yield f"{place}: names {partner.name}, of which only who asked hears: {remedy}, or publish partner mail"


@rule("plain-words", "paltalk06-05, paltalk06-10; the floor", idle=())
def forbidden_promotion_in_event_text_faults(
    event: MessageEvent, category: Category, template: Template, texts: Sequence[TextInEvent]
) -> Iterator[str]:
    """Mail that nobody can leave promotes in no value, reason or file either; nor does an invitation."""
    if not category.is_forbidden_to_promote and not category.invites:
        return
    for one in texts:
        words = (
            _first_promotional_words(one.text, template.locales)
            if one.are_words
            else one.is_slug and find_promotional_words_in_url(one.text)
        )
        if words:
            said = f'{one.place}: says "{words}", which promotes'
            yield f"{said}; {category.name} mail does not: say it in promotional mail"
    for index, file in enumerate(event.attachments):
        if file.content_type.startswith("image/"):
            yield f"attachments.{index}: is an image, whose words nobody can check; {category.name} mail has none"


def collect_event_values_with_words(event: MessageEvent, template: Template) -> EventValuesWithWords:
    """Returns the values of an event that may have words."""
    people = event.to.people if isinstance(event.to, People) else ()
    own = [
        shown_values_except_times(one.context, template.uses, template.types) if one.context else {} for one in people
    ]
    return EventValuesWithWords(shown_values_except_times(event.context, template.uses, template.types), own)


def _texts_of_event(event: MessageEvent, worded: EventValuesWithWords, template: Template) -> list[TextInEvent]:
    """Returns all texts that an event gives to its mails."""
    found = _texts_in_values("context", worded.shared, template)
    for index, person in enumerate(event.to.people if isinstance(event.to, People) else ()):
        if person.name:
            found.append(
                TextInEvent(
                    f"to.people.{index}.name", person.name, _is_overlong_or_promotional_name(person.name), person.email
                )
            )
        if own := worded.own[index]:
            found += _texts_in_values(f"to.people.{index}.context", own, template, person.email)
    if event.reason:
        found.append(TextInEvent("reason", event.reason))
    if event.inviter:
        found.append(TextInEvent("inviter", event.inviter, _is_overlong_or_promotional_name(event.inviter)))
    found += [
        TextInEvent(f"attachments.{index}", _attachment_name_and_text(file))
        for index, file in enumerate(event.attachments)
    ]
    return found


def _texts_in_values(
    place: str, values: Mapping[str, Any], template: Template, own: str | None = None
) -> list[TextInEvent]:
    found: list[TextInEvent] = []
    for name, value in values.items():
        kind = template.types.get(name)
        if isinstance(value, str):  # quicker, and holds for most
            are_words = not isinstance(kind, SingleType) or kind.is_text
            found.append(TextInEvent(place, value, are_words, own, _is_slug_or_page_url_type(kind), kind))
        else:
            words = {
                text for part in parts_of_value_with_free_text(kind, value) for text in texts_and_keys_in_json(part)
            }
            found += [TextInEvent(place, text, text in words, own, True) for text in texts_and_keys_in_json(value)]
    return found


def _is_slug_or_page_url_type(kind: ValueType | None) -> bool:
    return isinstance(kind, SingleType) and (kind.is_page or kind is SLUG)


def _is_overlong_or_promotional_name(name: str) -> bool:
    """Tells whether a name has more than a name: it is long, or has a sign, an amount or a promotional word."""
    return len(name) > _LONG or _SIGN.search(name) is not None or not _SELLING.isdisjoint(name.casefold().split())


def _attachment_name_and_text(file: Attachment) -> str:
    """Returns the name of a file, and its contents if they are text."""
    name = f"{file.filename}\n{re.sub('[-_.]+', ' ', file.filename)}"
    return f"{name}\n{file.content.decode()}" if file.content_type.startswith("text/") else name


def _has_foreign_mailbox(one: TextInEvent, policy: Policy) -> bool:
    """Tells whether a text holds an address that is neither the reader's own nor the brand's."""
    plain = _WRITTEN_OUT.sub("@", _nfkc_casefold(one.text).replace("\u3002", "."))
    if "@" not in plain:
        return False
    if one.own and (own := one.own.casefold()) in plain:
        plain = re.sub(rf"(?<![\w.+-]){re.escape(own)}(?![\w-]|\.\w)", " ", plain)
    return any(not _is_brand_domain(found[1], policy) for found in _AT.finditer(plain))


def _may_hold_mailbox(text: str) -> bool:
    """Tells whether a text may have an @ in some spelling. `_MAYBE` has only the spellings in ASCII."""
    return not text.isascii() or _MAYBE.search(text) is not None


def _is_brand_domain(domain: str, policy: Policy) -> bool:
    """Tells whether a domain is one of the brand's domains or a subdomain."""
    domain = domain.casefold().rstrip(".")
    return any(domain == ours or domain.endswith(f".{ours}") for ours in (policy.domain, *policy.reply_domains))


def _nfkc_casefold(text: str) -> str:
    if text.isascii():
        return text.casefold()
    return UNSEEN.sub("", normalized("NFKC", text.translate(_EQUALS))).casefold()


@lru_cache(maxsize=4096)
def _first_promotional_words(text: str, locales: tuple[str, ...]) -> str | None:
    """Returns the first promotional words of a text, in a language of the template, or None.

    Cached: events repeat texts.
    """
    return next(find_promotional_words(text, *locales), None)
