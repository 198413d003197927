"""The formats of values in policies and events, each with words for error messages."""

import re

SLUG = r"^[a-z0-9]+(-[a-z0-9]+)*$"
"""The form of a brand's, template's and list's name."""
AUDIENCE = r"^(segment:)?[a-z0-9]+(-[a-z0-9]+)*$"
"""The form of an audience's name: a list, or a segment after its prefix."""

LINE = r"^\P{Cc}+$"
NO_NUL = r"^[^\x00]*$"
"""The form of a text of any number of lines that the database can hold: it has no U+0000."""
NAME = r"^[a-z0-9]+([_-][a-z0-9]+)*$"
COUNTRY = r"^[A-Z]{2}$"
PLACE = r"^[A-Z]{2}(-[A-Z0-9]{1,3})?$"
"""The form of a country (ISO 3166-1), or of a part of one (ISO 3166-2)."""
VERSION = r"^[A-Za-z0-9]+([._-][A-Za-z0-9]+)*$"
"""The form of a policy's version, which consents to it name (`version/2024`)."""
LOCALE = r"^[A-Za-z]{2,3}([_-][A-Za-z]{4})?([_-]([A-Za-z]{2}|[0-9]{3}))?$"
"""A language, perhaps a script, perhaps a region, in any case (RFC 5646 2.1.1), with `-` or `_`.

See `normalized_language_tag`.
"""
DOMAIN = r"^[a-z0-9-]+(\.[a-z0-9-]+)+$"
ADDRESS = r"^[^\s<>@]+@[^\s<>@]+\.[^\s<>@]+$"
_PLAIN = r'[^\s<>@()\[\]\\,;:"]+'
SENDER = rf"^[^<>\p{{Cc}}\x{{2028}}\x{{2029}}]*[^<>\s\p{{Cc}}] <{_PLAIN}@{_PLAIN}\.{_PLAIN}>$"
HTTPS = r"^(https://|http://(localhost|127\.0\.0\.1|\[::1\])(:|/))\S+$"
"""`http` is allowed only for this machine, for trials of mailer."""

CONTENT_TYPE = r"^[a-z]+/[a-z0-9][a-z0-9.+-]*$"
CHANNEL = r"^[a-z]+(_[a-z]+)*$"
"""The form of a channel's name."""

CLOCK = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"

HOW_TO_WRITE = {
    SLUG: "lower case letters, digits and single hyphens, such as my-brand",
    LINE: "a text in one line",
    NAME: "lower case letters, digits, single hyphens or underscores, such as service_notice",
    VERSION: "letters and digits, with single dots, hyphens or underscores between them, such as 2026-05-25",
    CHANNEL: "lower case letters with single underscores, such as telephone",
    COUNTRY: "the two letters of ISO 3166-1, such as DE",
    PLACE: "a country or a part of one by ISO 3166, such as DE or US-CA",
    LOCALE: "a language tag, such as en or pt-BR",
    DOMAIN: "a domain in lower case, such as example.org",
    ADDRESS: "an address, such as opt-out@example.org",
    SENDER: "a name and an address, such as My Brand <news@mail.example.org>",
    CONTENT_TYPE: "a content type, such as application/pdf",
    CLOCK: "a time of the day, such as 08:00",
    HTTPS: "an address that begins with https://",
}


def split_sender(sender: str) -> tuple[str, str]:
    """Splits a text of the form `SENDER` into its name and its address.

    The name is as readers see it: `Acme, Inc. <a@b.example>` needs no quotes. Quotes around all of it are taken off.
    """
    name, _, address = sender.rpartition(" <")
    if quoted := _QUOTED.fullmatch(name):
        name = _ESCAPED.sub(r"\1", quoted[1])
    return name.strip(), address.removesuffix(">")


_QUOTED = re.compile(r'\s*"((?:[^"\\]|\\.)*)"\s*')
_ESCAPED = re.compile(r"\\(.)")


def normalized_language_tag(text: str) -> str:
    """Returns a tag of the form `LOCALE` as RFC 5646 2.1.1 writes it: en-GB, zh-Hant, es-419."""
    language, *rest = text.replace("_", "-").split("-")
    return "-".join([language.lower(), *(subtag.title() if len(subtag) == 4 else subtag.upper() for subtag in rest)])
