"""Checks of a campaign's links: their addresses, their words, and what servers answered to them."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from mailer.policy.link_urls import LinkAnswer, LinkHostRefused, LinkResult, parse_link_url
from mailer.rendering.allowed_markup import link_or_image_url_fault
from mailer.rendering.campaign_facts import MOST_LINKS, CampaignFacts, PageLink, PageUnderCheck
from mailer.rendering.campaign_findings import (
    EVERYWHERE,
    CampaignCheck,
    CheckFinding,
    Place,
    Severity,
    error_check,
    note_check,
    warning_check,
)
from mailer.rendering.campaign_text_checks import quoted

LINK_UNFIT = error_check(
    "link-unfit",
    "A link leads to no page, mailbox or telephone, or its host is not clear.",
    "Write https:// and the host, mailto: with an address, or tel: with a number.",
)
LINK_PLACEHOLDER = error_check(
    "link-placeholder",
    "A link is a placeholder: `#`, empty, or a host that is for examples, such as example.com (RFC 2606).",
    "Write the address of the page.",
)
LINK_RESERVED = warning_check(
    "link-reserved-domain",
    "A link leads to a top-level domain that no host on the Internet has: .example, .test, .invalid (RFC 2606).",
    "Write the address of the page. In a trial nothing is to do.",
)
LINK_PRIVATE = error_check(
    "link-private",
    "A link leads to an address that is not on the public Internet, itself or by a redirect.",
    "Write the address that readers reach from outside.",
)
LINK_PERSONAL = error_check(
    "link-personal-data",
    "An address has personal data in it, such as an e-mail address, or the id of the reader whose mail it is from.",
    "Take that part out of the address.",
)
LINK_SIGNED = error_check(
    "link-of-one-reader",
    "A link is copied from somebody's mail of ours, such as an unsubscribe link: all readers act for that person.",
    "Delete the link. The layout writes each reader's own.",
)
LINK_OTHER_DOMAIN = error_check(
    "link-shows-other-domain",
    "The words of a link are an address of one domain, and it leads to another. Filters take that for phishing.",
    "Write words instead of an address, or the address to which it leads.",
)
LINK_WORDLESS = error_check(
    "link-without-words",
    "A link has neither words nor a picture with an alternative text, so screen readers read its address out.",
    "Write words for the link, or an alternative text for its picture.",
)
LINK_HTTP = warning_check(
    "link-not-encrypted",
    "A link begins with http://, which browsers warn of.",
    "Write https://, after you tried that it answers.",
)
LINK_ADDRESS = warning_check(
    "link-to-ip-address",
    "A link leads to an IP address rather than a name. Spam filters count that.",
    "Write the name of the host.",
)
LINK_SHORTENED = warning_check(
    "link-shortened",
    "A link is of a service that shortens addresses. Blocklists have many of them, since spam hides behind them.",
    "Write the address to which it leads.",
)
LINK_TAGGED_TWICE = warning_check(
    "link-tagged-twice",
    "A parameter that counts visits, such as utm_source, stands in an address twice.",
    "Leave each such parameter once.",
)
LINKS_MANY = warning_check(
    "links-many",
    f"The mail has more than {MOST_LINKS} links. The others are not checked.",
    "Leave fewer links.",
)
LINK_VAGUE = note_check(
    "link-words-vague",
    "The words of a link, such as `click here`, do not say where it leads (WCAG 2.2, 2.4.4).",
    "Write what readers find there.",
)
LINK_MISSING = error_check(
    "link-broken",
    "The server says that there is no page at a link (404, 410).",
    "Correct the address, or publish the page; then check again.",
)
LINK_UNANSWERED = warning_check(
    "link-unanswered",
    "A link did not answer, or answered with a fault.",
    "Open the link yourself. Some servers answer browsers only.",
)
LINK_REDIRECTED = note_check(
    "link-redirected",
    "A link leads on to another host.",
    "Write the address to which it leads.",
)
LINK_NOT_CHECKED = note_check(
    "link-not-checked",
    "A link was not asked for: there are too many, or the time of the check was over.",
    "Open the link yourself, or check again.",
)

CHECKS: Final = (
    LINK_UNFIT,
    LINK_PLACEHOLDER,
    LINK_PRIVATE,
    LINK_PERSONAL,
    LINK_SIGNED,
    LINK_OTHER_DOMAIN,
    LINK_WORDLESS,
    LINK_MISSING,
    LINK_RESERVED,
    LINK_HTTP,
    LINK_ADDRESS,
    LINK_SHORTENED,
    LINK_TAGGED_TWICE,
    LINKS_MANY,
    LINK_UNANSWERED,
    LINK_VAGUE,
    LINK_REDIRECTED,
    LINK_NOT_CHECKED,
)
"""The checks of this module."""

_FOR_EXAMPLES: Final = frozenset(
    ("example.com", "example.net", "example.org", "yourdomain.com", "yoursite.com", "domain.com", "website.com")
)
_RESERVED: Final = frozenset(("example", "test", "invalid"))
_SHORTENING = (
    "adf.ly bit.do bit.ly bl.ink buff.ly cutt.ly goo.gl is.gd lnkd.in ow.ly rb.gy rebrand.ly s.id shorturl.at soo.gd"
    " t.co t.ly t2m.io tiny.cc tinyurl.com v.gd x.co"
)
_SHORTENERS: Final = frozenset(_SHORTENING.split())
_SIGNED: Final = re.compile(r"/+(?:u|preferences|o|c|confirm|view|report|data)/", re.IGNORECASE)
"""The beginning of the path of a signed link."""
_ADDRESS: Final = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_PERSONAL = (
    "birthday birthdate dob e-mail e_mail email emailaddress email_address firstname first_name lastname last_name mail"
    " mobile phone phonenumber phone_number surname telephone"
)
_PERSONAL_KEYS: Final = frozenset(_PERSONAL.split())
_COPIED_KEYS: Final = frozenset(("_hsenc", "ck_subscriber_id", "mc_eid", "mkt_tok", "oly_enc_id", "vero_id"))
"""Parameters by which other services tell the reader of a mail."""
_COUNTING: Final = re.compile(r"utm_\w+|gclid|fbclid|msclkid|mc_cid", re.IGNORECASE)
_SHOWN_HOST: Final = re.compile(
    r"(?:https?://|www\.|mailto:)?(?:[\w.+-]+@)?((?:[\w-]{1,63}\.)+[^\W\d]{2,24})(?::\d+)?(?:[/?#]\S*)?", re.IGNORECASE
)
_VAGUE_WORDS = (
    "click here|here|click|link|this link|read more|more|learn more|hier|hier klicken|klicken sie hier|mehr|aquí|"
    "haz clic aquí|ici|cliquez ici|en savoir plus|هنا|اضغط هنا|こちら|ここをクリック|click here!"
)
_VAGUE: Final = frozenset(_VAGUE_WORDS.split("|"))


def find_link_faults(page: PageUnderCheck) -> Iterator[CheckFinding]:
    """Yields the findings about the links of a mail that are not our own."""
    if len(page.link_urls) > MOST_LINKS:
        yield LINKS_MANY.finding(f"The mail has {len(page.link_urls):,} links.", page.place)
    for link in page.links:
        place, found = page.place_of(link.url), False
        for check, text in _address_faults(link.url, page.facts):
            found = True
            yield check.finding(text, place)
        if not found:
            yield from (check.finding(text, place) for check, text in _words_faults(link, page))


def _address_faults(url: str, facts: CampaignFacts) -> Iterator[tuple[CampaignCheck, str]]:
    """Yields the faults of a link's address."""
    host = _web_host_or_empty(url)
    if url in ("", "#") or _is_for_examples(host, _FOR_EXAMPLES, facts):
        yield LINK_PLACEHOLDER, f"A link leads to {quoted(url)}."
    elif _is_signed_link(url, facts.public_url):
        yield LINK_SIGNED, f"A link of {host} acts for the one person whose mail it was copied from."
    elif link_or_image_url_fault("href", url):
        yield LINK_UNFIT, f"The link {quoted(url)} leads to no page, or its host is not clear."
    elif host:
        yield from _web_address_faults(url, host)
        if _is_for_examples(host, _RESERVED, facts):
            yield LINK_RESERVED, f"The link {quoted(url)} leads to no host on the Internet."


def _web_address_faults(url: str, host: str) -> Iterator[tuple[CampaignCheck, str]]:
    try:
        target = parse_link_url(url)
    except LinkHostRefused as error:
        yield LINK_PRIVATE, f"The link {quoted(url)} leads to no public page: {error}."
        return
    except ValueError as error:
        yield LINK_UNFIT, f"The link {quoted(url)} cannot be opened: {error}."
        return
    if personal := _personal_data_in(url):
        yield LINK_PERSONAL, f"The address of a page on {host} has {personal}."
    if not target.is_encrypted:
        yield LINK_HTTP, f"The link {quoted(url)} is not encrypted."
    if ":" in target.host or target.host.rpartition(".")[2].isdigit():
        yield LINK_ADDRESS, f"The link {quoted(url)} has no name of a host."
    if host.removeprefix("www.") in _SHORTENERS:
        yield LINK_SHORTENED, f"The link {quoted(url)} hides where it leads."
    for key, times in Counter(key.lower() for key, _ in parse_qsl(urlsplit(url).query)).items():
        if times > 1 and _COUNTING.fullmatch(key):
            yield LINK_TAGGED_TWICE, f"The link {quoted(url)} has {key} {times} times."


def _is_signed_link(url: str, public_url: str) -> bool:
    """Tells whether an address is a signed link of this installation."""
    own, path = urlsplit(public_url), unquote(urlsplit(url).path) if _web_host_or_empty(url) else ""
    below = path.removeprefix(own.path.rstrip("/"))
    return _web_host_or_empty(url) == own.hostname and _SIGNED.match(below) is not None


def _web_host_or_empty(url: str) -> str:
    """Returns the host of an address of the web in lower case; empty for another one, and where it cannot be read."""
    try:
        parts = urlsplit(url)
        return (parts.hostname or "") if parts.scheme in ("http", "https") else ""
    except ValueError:
        return ""


def _is_for_examples(host: str, domains: frozenset[str], facts: CampaignFacts) -> bool:
    """Tells whether a draft's link leads to one of some domains, or below it, and not to a domain of the brand."""
    if facts.draft is None or any(is_same_or_below(host, domain) for domain in facts.own_domains):
        return False
    return any(is_same_or_below(host, domain) for domain in domains)


def _is_reserved(host: str) -> bool:
    return any(is_same_or_below(host, domain) for domain in _RESERVED)


def is_same_or_below(host: str, domain: str) -> bool:
    """Tells whether a host is a domain or one below it."""
    return host == domain or host.endswith(f".{domain}")


def _personal_data_in(url: str) -> str | None:
    """Returns the kind of personal data that an address has, never the data; None if it has none."""
    parts = urlsplit(url)
    after_host = unquote(unquote(f"{parts.path}?{parts.query}#{parts.fragment}"))
    if _ADDRESS.search(after_host):
        return "an e-mail address in it"
    for key, value in parse_qsl(parts.query):
        if value and key.lower() in _PERSONAL_KEYS:
            return f"the parameter {key}"
        if value and key.lower() in _COPIED_KEYS:
            return f"the parameter {key}, which is one reader's id"
    return None


def _words_faults(link: PageLink, page: PageUnderCheck) -> Iterator[tuple[CampaignCheck, str]]:
    """Yields the faults of a link's words."""
    shown = _SHOWN_HOST.fullmatch(link.words)
    host = _web_host_or_empty(link.url) or _mailbox_host_of(link.url)
    if shown and host and not _is_same_site(shown[1].lower(), host):
        yield LINK_OTHER_DOMAIN, f"A link shows {quoted(shown[1])} and leads to {host}."
    if link.words.casefold().strip(" .!>»→") in _VAGUE:
        yield LINK_VAGUE, f"A link says {quoted(link.words)}."
    if not link.words and not _has_picture_with_words(link.url, page):
        yield LINK_WORDLESS, f"The link {quoted(link.url)} has no words."


def _mailbox_host_of(url: str) -> str:
    scheme, _, rest = url.partition(":")
    return unquote(rest.partition("?")[0]).rpartition("@")[2].lower() if scheme.lower() == "mailto" else ""


def _is_same_site(one: str, other: str) -> bool:
    one, other = one.removeprefix("www."), other.removeprefix("www.")
    return is_same_or_below(one, other) or is_same_or_below(other, one)


def _has_picture_with_words(url: str, page: PageUnderCheck) -> bool:
    """Tells whether a picture with an alternative text, or a label, follows the beginning of a link."""
    inside = False
    for tag, attributes in page.tags:
        told = dict(attributes)
        if tag == "a":
            inside = told.get("href", "").strip() == url
            if inside and told.get("aria-label", "").strip():
                return True
        elif inside and tag == "img" and told.get("alt", "").strip():
            return True
    return False


def links_to_ask(facts: CampaignFacts) -> Mapping[str, Place]:
    """Returns the addresses of pages that servers can be asked for, each with its first place.

    Our own links are left out, those with an error, and those to a reserved domain.
    """
    found: dict[str, Place] = {}
    for page in facts.pages:
        for link in page.links:
            if (
                _web_host_or_empty(link.url)
                and not _is_reserved(_web_host_or_empty(link.url))
                and not _has_address_error(link.url, facts)
            ):
                found.setdefault(link.url.partition("#")[0], page.place_of(link.url))
    return found


def _has_address_error(url: str, facts: CampaignFacts) -> bool:
    return any(check.severity is Severity.ERROR for check, _ in _address_faults(url, facts))


_OF_RESULT: Final[Mapping[LinkResult, tuple[CampaignCheck, str]]] = {
    LinkResult.REDIRECTED: (LINK_REDIRECTED, "leads on to"),
    LinkResult.MISSING: (LINK_MISSING, "leads to no page:"),
    LinkResult.REFUSED: (LINK_UNANSWERED, "answers with a fault:"),
    LinkResult.FAILED: (LINK_UNANSWERED, "does not answer:"),
    LinkResult.TIMEOUT: (LINK_UNANSWERED, "does not answer in time:"),
    LinkResult.PRIVATE: (LINK_PRIVATE, "leads to no public page:"),
    LinkResult.NOT_CHECKED: (LINK_NOT_CHECKED, "was not asked for:"),
}


def findings_about_answers(answers: Iterable[LinkAnswer], places: Mapping[str, Place]) -> Iterator[CheckFinding]:
    """Yields the findings about the answers to links; `places` is a result of `links_to_ask`."""
    for answer in answers:
        if answer.result in _OF_RESULT:
            check, says = _OF_RESULT[answer.result]
            yield check.finding(
                f"The link {quoted(answer.url)} {says} {answer.words}.", places.get(answer.url, EVERYWHERE)
            )
