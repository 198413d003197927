"""Detects texts that mail programs turn into links by themselves, without a link in the template."""

# ruff: noqa: RUF001 - domains end in many scripts

import re
from collections.abc import Iterator
from typing import Any

from mailer.policy.text_folding_for_comparison import UNSEEN, normalized

_NAMES = (
    "com|net|org|info|biz|name|pro|mobi|edu|gov|mil|int|arpa|aero|coop|museum|jobs|travel|asia|cat|"
    "post|tel|xxx|app|dev|page|web|site|website|online|shop|store|club|live|life|link|click|top|icu|"
    "vip|work|world|space|tech|cloud|blog|news|email|support|help|services|guru|today|fun|one|run|"
    "group|team|zone|center|company|agency|network|solutions|systems|digital|media|social|chat|wiki|"
    "win|bid|loan|men|date|review|stream|trade|party|science|download|racing|gdn|country|kim|cricket|"
    "webcam|accountant|faith|cam|buzz|rest|quest|cfd|sbs|monster|cyou|bond|hair|skin|makeup|beauty|"
    "lol|mom|autos|boats|zip|mov|foo|dad|phd|prof|nexus|new|day|how|ing|meme|channel|boo|rsvp|xyz|red|"
    "blue|pink|black|ninja|rocks|expert|plus|global|host|press|studio|design|video|games|game|casino|"
    "poker|bet|money|cash|credit|finance|bank|capital|fund|loans|insurance|tax|market|sale|deals|gift|"
    "exchange|bike|cars|love|dating|sexy|porn|sex|adult|cafe|pizza|bar|kitchen|fit|health|care|clinic|"
    "pub|house|land|estate|city|town|berlin|hamburg|koeln|wien|london|paris|nyc|tokyo|moscow|"
    "amsterdam|eus|gal|scot|swiss|africa|google|amazon|apple|microsoft|example|test|invalid|localhost|"
    "local|internal|onion|рф|рус|бел|укр|сайт|онлайн|дети|москва|орг|ком|срб|қаз|мон|ею|бг|мкд|ελ|ευ|"
    "հայ|გე|קום|ישראל|السعودية|مصر|امارات|الجزائر|المغرب|الاردن|قطر|عمان|فلسطين|سورية|تونس|عراق|ایران|"
    "موقع|شبكة|بازار|كوم|भारत|संगठन|ไทย|คอม|みんな|コム|닷컴|닷넷|한국|中国|中國|香港|台湾|台灣|公司|网络|網絡|在线|网站|网址|中文网|商城|"
    "移动"
)
"""Top-level domains other than those of two Latin letters: the most used ones, and those that attackers prefer."""
_DOMAIN_END = rf"(?:[^\W_]\.(?:{_NAMES}|xn--[a-z0-9-]+)|[\w-][^\W_]\.[a-z]{{2}})"
"""Any two letters count as a country. After a single letter they are initials: `J.Li`."""
_ELSE = (
    r"[a-z][a-z0-9+.-]{0,30}:[/\\]{2}",
    r"(?:https?|ftp|javascript|vbscript|mailto|file):",
    r"data:[\w.+-]{0,40}(?:/[\w.+-]{0,60})?[;,]",
    r"(?<!\w)(?:tel|sms|callto|skype|sip):[+\w(]",
    r"www\d?\.\w",
    r"[^\s@]@[\w-]+\.\w",
    r"[^\W_]\.[^\W\d_]{2,63}(?:/|:\d|\?\w+=|#\w)",
    r"(?<!\d)\d{1,3}(?:\.\d{1,3}){3}(?:/|:\d)",
    r"\\\\\w",
)
"""Schemes, `www.`, mailboxes, domains or numbers of hosts with a path or port, and shares of Windows."""
_LINK = re.compile("|".join((rf"{_DOMAIN_END}(?![^\W_])", *_ELSE)))
_HIDDEN = re.compile("|".join((_DOMAIN_END, *_ELSE)))
"""The same for a word with invisible characters: a domain may end at one of them."""
_SIGNS = re.compile(r"[.:@\\]")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")
_TURNED = re.compile("[\u202d\u202e]")
_FULL_STOP = "\u3002"
"""A full stop that counts as a dot in a domain (UTS 46). NFKC keeps it and turns U+FF61 into it, and U+FF0E into a
dot."""


def has_autolink(text: str) -> bool:
    """Tells whether a mail program may make a link from a part of a text: an address, a domain, a mailbox.

    The text is read in the Unicode compatibility form (NFKC), without invisible characters.
    """
    if text.isascii() and not _SIGNS.search(text):
        return False
    plain = normalized("NFKC", text).replace(_FULL_STOP, ".")
    if _SIGNS.search(plain) is None:
        return False
    plain = plain.lower()
    return any(map(_is_link_word, plain.split())) or (
        _TURNED.search(plain) is not None and _has_link_when_reversed(plain)
    )


def _has_link_when_reversed(plain: str) -> bool:
    """Tells whether a reader sees a link if a direction override reverses the letters (UAX #9 2.2)."""
    return any(map(_is_link_word, plain[::-1].split()))


def texts_and_keys_in_json(value: Any) -> Iterator[str]:
    """Yields all texts within a JSON value, and keys of objects, at any depth."""
    rest = [value]
    while rest:
        match rest.pop():
            case str(text):
                yield text
            case dict() as inner:
                rest += inner.keys()
                rest += inner.values()
            case list() | tuple() as inner:
                rest += inner
            case _:
                pass


def _is_link_word(word: str) -> bool:
    if not _SIGNS.search(word):
        return False
    shown = _CONTROL.sub("", UNSEEN.sub("", word))
    return (_LINK if shown == word else _HIDDEN).search(shown) is not None
