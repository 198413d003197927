"""The accepted forms of a consent's proof: the act, the version of the statement, and the proof of a confirmation."""

import re
from collections.abc import Callable
from datetime import datetime
from ipaddress import ip_address

from mailer.input_types import parse_moment
from mailer.policy.address_sources import normalize_source_name
from mailer.ports.consents import CONFIRMED

ACTS = ("application", CONFIRMED, "e-mail", "form", "in-person", "letter", "page", "telephone")
"""The acts by which a person consents, as the sources of consents name them.

application: on a page of the application, which reports it. confirmed: by the link in a mail. form: on a form, by a box
that was not ticked in advance. page: on the preference page. e-mail, letter, telephone, in-person: to another person.
"""
_WORDS = {
    "form": "form forms formular formulaire checkbox box tickbox survey widget sign signup registration checkout app",
    "page": "page web website site portal preferences settings profile centre center",
    "e-mail": "email mail",
    "letter": "letter post paper brief card",
    "telephone": "telephone phone call hotline",
    "in-person": "person shop store event booth fair counter",
}
_BY_WORD = {word: act for act, words in _WORDS.items() for word in words.split()}
"""Words that occur in sources, each with the act that it names."""
_NOT_DONE = (
    "policy privacy terms tos conditions use usage service list lists purchased bought rented shared partner broker"
    " default pre preticked prechecked checked ticked imported import legacy assumed implied unknown none"
    " continued browsing"
)
_NO_ACT = frozenset(_NOT_DONE.split())
_NOTHING = "none null nil nan unknown undefined empty test todo tbd n a na latest current version"
_NO_VERSION = frozenset(_NOTHING.split())
_MESSAGE = re.compile(r"message-id:<[^\s<>@]+@[^\s<>@]+\.[^\s<>@]+>", re.IGNORECASE)
_PLACE = re.compile(r"ip:(?P<ip>\S+) at (?P<at>\S+)", re.IGNORECASE)
_EXPORT = re.compile(r"export:[a-z0-9-]{1,40} at (?P<at>\S+)", re.IGNORECASE)
IsOurs = Callable[[str], bool]
"""A function that tells whether a text is the token of a confirmation link that mailer signed."""


def refuse_every_token(text: str) -> bool:
    """Returns False for every text, as there is no key to check a token."""
    return False


def normalize_spelling_of_consent_source(source: str) -> str:
    """Returns the name of the act if the source is one, in any case, with spaces or underscores; else the source."""
    form = normalize_source_name(source)
    return form if form in ACTS else source


def find_consent_method_named_by_source(source: str) -> str | None:
    """Returns the act that a source names by its name or by a word, such as `form` for `web form 12`, or None.

    The acts `application` and `confirmed` must be named exactly.
    """
    form = normalize_source_name(source)
    if form in ACTS:
        return form
    words = re.findall(r"[^\W\d_]+", form)
    if not _NO_ACT.isdisjoint(words):
        return None
    return next((act for word in words if (act := _BY_WORD.get(word))), None)


def is_statement_version(text: str) -> bool:
    """Tells whether a text names the version of a statement, such as `form 2026-01`. Words such as `none` do not."""
    words = re.findall(r"[^\W_]+", text.casefold())
    return (len("".join(words)) > 1 and not _NO_VERSION.issuperset(words)) or any(char.isdecimal() for char in text)


def is_confirmation_proof(text: str, said_at: datetime) -> bool:
    """Tells whether a proof names the mail with the confirmation link, or the IP address and time of the click.

    Args:
        text: `message-id:<…@…>`, or `ip:… at …` with a time in the format of RFC 3339; or `export:SYSTEM at …`, the
            time of the click in the export of another system.
        said_at: the time of the consent. The click cannot be later.
    """
    if _MESSAGE.fullmatch(text.strip()):
        return True
    found = _PLACE.fullmatch(text.strip()) or _EXPORT.fullmatch(text.strip())
    if found is None:
        return False
    try:
        if "ip" in found.groupdict():
            ip_address(found["ip"])
        return parse_moment(found["at"]) <= said_at
    except ValueError:
        return False
