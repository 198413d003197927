"""The statements about messages: the things that each must show, and the things that none may have."""

import re
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from urllib.parse import urlsplit

from mailer.trial.case_facts import ANNOUNCING, MARKETING, PROMOTING, switch_values_binding_person
from mailer.trial.decision_expectations import FLOOR
from mailer.trial.parsed_messages import ParsedMessage
from mailer.trial.sample_people import ADDRESS

Look = Callable[[ParsedMessage], Sequence[str] | None]


@dataclass(frozen=True, slots=True)
class MessageExpectation:
    """A statement that a promise with a rule makes of a message.

    Attributes:
        rules: the rules whose promises it expresses. says: the statement in one sentence.
        look: returns the problems of a message, none if all is well; None if the promise is not about the message.
    """

    rules: tuple[str, ...]
    says: str
    look: Look


SIGHTS: list[MessageExpectation] = []
"""Every statement about messages."""


def register_message_expectation(*rules: str) -> Callable[[Look], Look]:
    """Registers a function as a statement of some rules."""

    def note(look: Look) -> Look:
        SIGHTS.append(MessageExpectation(rules, (look.__doc__ or "").splitlines()[0], look))
        return look

    return note


@register_message_expectation("way-out", FLOOR)
def unsubscribe_problems(letter: ParsedMessage) -> Sequence[str] | None:
    """Optional mail shows the link to leave it and the postal address in both parts, and has the headers for it."""
    if not letter.case.is_optional:
        return None
    headers = letter.headers
    link = _find_list_unsubscribe_url(headers.get("list-unsubscribe", ""))
    return [
        *(["has no List-Unsubscribe header with an https link"] if link is None else []),
        *(
            _problem_unless(
                headers.get("list-unsubscribe-post") == "List-Unsubscribe=One-Click", "is not left by one click"
            )
        ),
        *(
            _problem_unless(
                _has_word_character(letter.seen.links.get(link or "", "")), "shows no way out in its HTML part"
            )
        ),
        *(_problem_unless(bool(link) and (link or "") in letter.text, "shows no way out in its text part")),
        *postal_address_problems(letter, letter.case.policy.controller.postal_address),
    ]


def postal_address_problems(letter: ParsedMessage, address: str) -> list[str]:
    """Returns a problem for each part that does not show a postal address."""
    words = " ".join(address.split())
    return [
        *(_problem_unless(words in letter.seen.text, "shows no postal address in its HTML part")),
        *(_problem_unless(words in letter.text_on_one_line, "shows no postal address in its text part")),
    ]


@register_message_expectation("not-promotional", "breach-alone", FLOOR)
def promotion_in_mandatory_mail_problems(letter: ParsedMessage) -> Sequence[str] | None:
    """Mandatory mail has no unsubscribe header, no pixel, no tracked link, and promotes nothing."""
    if letter.case.is_optional:
        return None
    paths = {urlsplit(url).path for url in letter.urls_in_both_parts}
    words = f"{letter.headers.get('subject', '')} {letter.text_on_one_line} {letter.seen.text}"
    found = _PROMOTING.search(words)
    return [
        *(
            _problem_unless(
                not any(name.startswith("list-") for name in letter.headers), "has a header of optional mail"
            )
        ),
        *(
            _problem_unless(
                not any(url.startswith("http") for url in letter.seen.images), "has an image that is fetched"
            )
        ),
        *(_problem_unless(not any(path.startswith(("/o/", "/c/")) for path in paths), "has a pixel or a tracked link")),
        *([f'promotes: it says "{found[0]}"'] if found else []),
    ]


@register_message_expectation("breach-alone")
def breach_sender_problems(letter: ParsedMessage) -> Sequence[str] | None:
    """A breach notice comes from the sender of mandatory mail."""
    if letter.case.category != "breach":
        return None
    return _problem_unless(
        _address_without_display_name(letter.case.policy.senders.mandatory) in letter.headers["from"],
        "has another sender",
    )


@register_message_expectation("service-footer")
def missing_service_footer_problems(letter: ParsedMessage) -> Sequence[str] | None:
    """Mandatory mail offers what the policy says: a link to leave the service, or words on closing the account."""
    case = letter.case
    return service_footer_problems_for_setting(
        letter, min(switch_values_binding_person(case.policy, case.standing, "service_footer"), key=_ORDER.index)
    )


def service_footer_problems_for_setting(letter: ParsedMessage, offer: str) -> Sequence[str] | None:
    """Returns the problems of the footer of mandatory mail, for one of the values of `service_footer`."""
    case = letter.case
    if case.is_optional:
        return None
    if offer == "leave":
        links = [url for url in letter.seen.links if urlsplit(url).path.startswith("/u/")]
        return [
            *(_problem_unless(bool(links), "shows no link to leave the service in its HTML part")),
            *(
                _problem_unless(
                    any(url in letter.text for url in links), "shows no link to leave the service in its text part"
                )
            ),
        ]
    if offer == "deactivate" and case.category == ANNOUNCING:
        return _problem_unless(letter.text != letter.without_footer, "does not say that closing the account ends it")
    return []


@register_message_expectation("no-secrets")
def secret_or_form_problems(letter: ParsedMessage) -> Sequence[str] | None:
    """No mail has a form, names a password, or asks for one."""
    words = f"{letter.text_on_one_line} {letter.seen.text}"
    return [
        *(_problem_unless(not letter.seen.fields, "has a form")),
        *(_problem_unless(not _has_secret_or_asks_for_one(words), "tells or asks for a secret")),
    ]


@register_message_expectation("plain-promotions")
def profile_values_despite_refusal_problems(letter: ParsedMessage) -> Sequence[str] | None:
    """A person who refused personalisation gets the mail without anything from their profile."""
    if not letter.case.standing.personalisation_refused:
        return None
    return _problem_unless(not _has_profile_value(letter), "has something of the profile")


@register_message_expectation("profile-stays")
def misplaced_profile_problems(letter: ParsedMessage) -> Sequence[str] | None:
    """The profile stands in no mandatory mail, and in no address."""
    in_address = any(
        word in url for word in letter.profile for url in (*letter.urls_in_both_parts, *letter.seen.images)
    )
    is_told = not letter.case.is_optional and _has_profile_value(letter)
    return [
        *(_problem_unless(not in_address, "has the profile in an address")),
        *(_problem_unless(not is_told, "has the profile")),
    ]


@register_message_expectation("tracking-refused")
def tracking_despite_refusal_problems(letter: ParsedMessage) -> Sequence[str] | None:
    """A person who refused tracking gets no pixel and no tracked link."""
    if not letter.case.standing.tracking_refused:
        return None
    return _problem_unless(not _has_pixel_or_tracked_link(letter), "has a pixel or a tracked link")


@register_message_expectation("nobodys-opens", "everybodys-links", FLOOR)
def individual_tracking_problems(letter: ParsedMessage) -> Sequence[str] | None:
    """Nothing is counted, or everybody has the same pixel and the same tracked links, as the policy says."""
    return tracking_level_problems(
        letter, switch_values_binding_person(letter.case.policy, letter.case.standing, "tracking")
    )


def tracking_level_problems(letter: ParsedMessage, levels: Set[str]) -> Sequence[str] | None:
    """Returns a problem if a message is counted beyond the strictest of some values of `tracking`."""
    if "off" in levels:
        return _problem_unless(
            not _has_pixel_or_tracked_link(letter), "has a pixel or a tracked link, and the policy counts nothing"
        )
    if "tracking" in letter.case.standing.consents:
        return None
    is_of_all = all(token.nonce is None for token in letter.counted) or "mailing" not in levels
    is_nobodys = all(token.recipient_id is None for token in letter.counted)
    return _problem_unless(is_of_all and is_nobodys, "has a pixel or a tracked link of its own")


@register_message_expectation("both-named")
def brand_and_controller_name_problems(letter: ParsedMessage) -> Sequence[str] | None:
    """Every mail names the brand and its controller in both parts."""
    policy = letter.case.policy
    return [
        f"does not show {name} in its {part} part"
        for name in dict.fromkeys((policy.name, policy.controller.name))
        for part, shown in (("HTML", letter.seen.text), ("text", letter.text_on_one_line))
        if name not in shown
    ]


@register_message_expectation("advertising-marks")
def advertising_mark_problems(letter: ParsedMessage) -> Sequence[str] | None:
    """Marketing is labelled, and offers say that they are advertising, where the law of the reader's country asks."""
    case = letter.case
    words = _MARKS.get(case.standing.country or "")
    if words is None or case.category not in MARKETING:
        return None
    if case.standing.country == "KR":
        is_labelled = letter.headers.get("subject", "").startswith(words)
        return _problem_unless(is_labelled, f"has a subject that does not begin with {words[0]}")
    if case.category not in PROMOTING:
        return None
    return [
        f"does not say in its {part} part that it is advertising"
        for part, shown in (("HTML", letter.seen.text), ("text", letter.text_on_one_line))
        if not any(word in shown for word in words)
    ]


@register_message_expectation("seal-named")
def privacy_seal_name_problems(letter: ParsedMessage) -> Sequence[str] | None:
    """An answer to a person's request names the programme of the policy's seal in both parts."""
    seal, template = letter.case.policy.seal, letter.case.mail.template
    if seal is None or template is None or letter.case.category != "rights" or "confirm_url" in template.uses:
        return None
    return [
        f"does not name {seal.name} in its {part} part"
        for part, shown in (("HTML", letter.seen.text), ("text", letter.text_on_one_line))
        if seal.name not in shown
    ]


@register_message_expectation("local-language")
def message_language_problems(letter: ParsedMessage) -> Sequence[str] | None:
    """A person gets the mail in their language where the template speaks it, with its footer."""
    template, wanted = letter.case.mail.template, letter.case.person.locale
    if template is None or wanted not in template.locales:
        return None
    found = re.search(r'<html[^>]*\blang="([^"]*)"', letter.html)
    return _problem_unless(
        found is not None and found[1].partition("-")[0] == wanted.partition("-")[0], f"is not in {wanted}"
    )


@register_message_expectation("aligned")
def sender_alignment_problems(letter: ParsedMessage) -> Sequence[str] | None:
    """The sender of each mail is of the domain that signs it."""
    host = letter.headers["from"].rpartition("@")[2].rstrip(">")
    domain = letter.case.policy.domain
    return _problem_unless(
        host == domain or host.endswith(f".{domain}"), f"comes from {host}, which {domain} does not sign"
    )


@register_message_expectation("report-link")
def report_link_problems(letter: ParsedMessage) -> Sequence[str] | None:
    """Each invitation shows a link to report it, in both parts."""
    if letter.case.category != "invitation":
        return None
    links = [url for url in letter.seen.links if urlsplit(url).path.startswith("/report/")]
    return [
        *(_problem_unless(bool(links), "shows no report link in its HTML part")),
        *(_problem_unless(any(url in letter.text for url in links), "shows no report link in its text part")),
    ]


@register_message_expectation("address-at-hand-over", "primary-address")
def recipient_address_problems(letter: ParsedMessage) -> Sequence[str] | None:
    """Mail goes to the address on record, in the envelope and in the header."""
    is_there = letter.recipient == ADDRESS and ADDRESS in letter.headers["to"]
    return _problem_unless(is_there, "goes to another address than that on record")


_MARKS = {"KR": ("(광고)",), "DE": ("Advertisement", "Werbung")}
"""Words that mark advertising, in countries where the trial looks for them."""
_ORDER = ("leave", "deactivate", "none")
"""Values of `service_footer`, strictest first."""
_PROMOTING = re.compile(
    r"\d+ ?%|\b(?:discount|special offer|coupon|voucher|buy now|save \$?\d|sale|Rabatt|Gutschein|Sonderangebot)\b"
    r"|خصم|قسيمة",
    re.IGNORECASE,
)
_SECRET = re.compile(
    r"\b(?:your (?:password|PIN) is\b|(?:send|tell|give|mail) us[^.]{0,40}\byour (?:password|PIN|card number))"
    r"|\b(?:dein|Ihr) Passwort (?:ist|lautet)\b",
    re.IGNORECASE,
)
_DENYING = re.compile(r"\b(?:never|not|nobody|no|nie|niemand|nicht|kein\w*)\b", re.IGNORECASE)


def _has_secret_or_asks_for_one(words: str) -> bool:
    """Tells whether a sentence has a secret or asks for one. A sentence with a negation does not count."""
    return any(_SECRET.search(sentence) and not _DENYING.search(sentence) for sentence in re.split(r"[.!?]\s", words))


def _problem_unless(holds: bool, problem: str) -> list[str]:
    return [] if holds else [problem]


def _has_word_character(words: str) -> bool:
    return bool(re.search(r"\w", words))


def _find_list_unsubscribe_url(header: str) -> str | None:
    found = re.search(r"<(https?://[^>]+)>", header)
    return found[1] if found else None


def _address_without_display_name(sender: str) -> str:
    return sender.rpartition("<")[2].rstrip(">")


def _has_profile_value(letter: ParsedMessage) -> bool:
    return any(word in part for word in letter.profile for part in (letter.text, letter.html))


def _has_pixel_or_tracked_link(letter: ParsedMessage) -> bool:
    paths = [urlsplit(url).path for url in (*letter.urls_in_both_parts, *letter.seen.images)]
    return any(path.startswith(("/o/", "/c/")) for path in paths)
