"""Addresses, links and the user name that a mail states, and the text without them. Pure, in linear time."""

# ruff: noqa: RUF001 - quotation marks and letters of many languages

import re
from dataclasses import dataclass

_ADDRESS = re.compile(r"<?(?<![\w.+-])[\w.+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}>?")
_LINK = re.compile(r"(?:https?://|(?<!\w)www\.)[^\s<>\"]{1,2000}", re.IGNORECASE)
_TOKEN = re.compile(r"(?<![\w-])(?=[\w.-]{0,400}\d)[A-Za-z0-9_.-]{20,400}(?![\w-])")
_NAME_LABEL = (
    r"user ?name|user[ -]?id|nick(?:name)?|screen ?name|benutzer(?:name)?|nutzername|nombre de usuario|usuario"
    r"|nom d[’']utilisateur|identifiant|pseudo(?:nyme)?|اسم المستخدم|اسم المستعمل"
    r"|ユーザー ?(?:名|ID)|ユーザ名|アカウント名"
)
_OPENING, _CLOSING = r"[\"'“«「]?", r"[\"'”»」]?"
_NAME = r"[\w.@+-]{2,64}(?![\w@+-])"
_USER_NAME = re.compile(
    rf"(?<!\w)(?:(?:my|mein|mi|mon|and|und|with)[ ]{{1,3}})?(?:{_NAME_LABEL})(?!\w)[ ]{{0,3}}"
    rf"(?:(?:[:=は]|is(?!\w)|ist(?!\w)|lautet|es(?!\w)|est(?!\w)|هو(?!\w))\s{{0,3}}{_OPENING}({_NAME}){_CLOSING}"
    rf"|{_OPENING}({_NAME}){_CLOSING}[ .]{{0,3}}$)",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class StatedNames:
    """A text without addresses, links and the user name, and these."""

    text: str
    addresses: frozenset[str]
    has_link: bool
    user_name: str | None


def take_stated_names(text: str) -> StatedNames:
    """Returns the text with spaces in the place of addresses, links, tokens of ours and the first user name."""
    addresses = frozenset(found[0].strip("<>.").casefold() for found in _ADDRESS.finditer(text))
    text = _ADDRESS.sub(" ", text)
    has_link = _LINK.search(text) is not None
    text = _TOKEN.sub(" ", _LINK.sub(" ", text))
    named = _USER_NAME.search(text)
    user_name = (named[1] or named[2]).rstrip(".-") if named else ""
    if named is None or not user_name:
        return StatedNames(text, addresses, has_link, None)
    text = f"{text[: named.start()]}\n{text[named.end() :]}"
    return StatedNames(text, addresses, has_link, user_name)
