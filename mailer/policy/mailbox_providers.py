"""The providers of mailboxes by their domains: a closed list, so that figures have few labels. Pure."""

from collections.abc import Mapping
from typing import Final

OTHER: Final = "other"
"""Every domain that is not listed, among them those whose mail a listed provider runs."""
_DOMAINS: Final[Mapping[str, tuple[str, ...]]] = {
    "google": ("gmail.com", "googlemail.com"),
    "microsoft": ("outlook.com", "hotmail.com", "live.com", "msn.com", "hotmail.co.uk", "hotmail.fr", "hotmail.de"),
    "yahoo": ("yahoo.com", "ymail.com", "rocketmail.com", "aol.com", "yahoo.co.uk", "yahoo.fr", "yahoo.de", "yahoo.es"),
    "yahoo-japan": ("yahoo.co.jp",),
    "apple": ("icloud.com", "me.com", "mac.com"),
    "comcast": ("comcast.net",),
    "gmx": ("gmx.de", "gmx.net", "gmx.com", "gmx.at", "gmx.ch", "web.de"),
    "t-online": ("t-online.de",),
    "orange": ("orange.fr", "wanadoo.fr"),
    "proton": ("proton.me", "protonmail.com"),
    "mail-ru": ("mail.ru", "bk.ru", "inbox.ru", "list.ru"),
    "yandex": ("yandex.ru", "yandex.com"),
    "tencent": ("qq.com", "foxmail.com"),
}
_PROVIDERS: Final = {domain: provider for provider, domains in _DOMAINS.items() for domain in domains}


def mailbox_provider_of_domain(domain: str) -> str:
    """Returns the provider of a recipient domain in lower case, such as `google`; `OTHER` if it is not listed."""
    return _PROVIDERS.get(domain, OTHER)
