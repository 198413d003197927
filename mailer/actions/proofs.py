"""Closed forms of a consent's proof: the act by which it was given, the statement, and what shows a confirmation."""

import re
from collections.abc import Callable
from datetime import datetime
from ipaddress import ip_address

from mailer.inputs import moment
from mailer.policy.sources import form_of
from mailer.ports.consents import CONFIRMED

ACTS = ("application", CONFIRMED, "e-mail", "form", "in-person", "letter", "page", "telephone")
"""The acts by which a person consents, as the sources of consents name them.

application: on a page of the application, as it reports it. confirmed: by the link in a mail. form: on a form, by a box
that was not ticked for them. page: on a page of their preferences. e-mail, letter, telephone, in-person: to somebody.
"""
_MESSAGE = re.compile(r"message-id:<[^\s<>@]+@[^\s<>@]+\.[^\s<>@]+>", re.IGNORECASE)
_PLACE = re.compile(r"ip:(?P<ip>\S+) at (?P<at>\S+)", re.IGNORECASE)
IsOurs = Callable[[str], bool]
"""A check that tells whether a text is the token of a confirmation link that mailer signed."""


def no_token(text: str) -> bool:
    """Takes no text for a token, where there is no key by which to tell."""
    return False


def act_of(source: str) -> str | None:
    """The act that a source names, without regard to case, spaces and underscores; None: it names none."""
    form = form_of(source)
    return form if form in ACTS else None


def is_version(text: str) -> bool:
    """Tells whether a text names the version of a statement: it has a number or a date, such as `form 2026-01`."""
    return any(char.isdecimal() for char in text)


def is_confirmation(text: str, said_at: datetime) -> bool:
    """Tells whether a proof refers to the mail of a confirmation's link, or to the place and time of its press.

    Args:
        text: `message-id:<…@…>`, or `ip:… at …` with a time of RFC 3339.
        said_at: when the consent was said; no link was pressed after it.
    """
    if _MESSAGE.fullmatch(text.strip()):
        return True
    found = _PLACE.fullmatch(text.strip())
    if found is None:
        return False
    try:
        ip_address(found["ip"])
        return moment(found["at"]) <= said_at
    except ValueError:
        return False
