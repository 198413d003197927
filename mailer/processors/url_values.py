"""The values that the URLs of all processors have: name, country, purposes, numbers. Errors quote no credentials."""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import SplitResult, parse_qsl, urlsplit

from mailer.policy.country_codes import country_code

NOWHERE: Final = "ZZ"
"""A code that ISO 3166-1 leaves to users. It stands for the country of our own relay if the URL has none."""


def is_loopback(host: str) -> bool:
    """Tells whether a host is this machine: `localhost` or a loopback address. Nothing is resolved."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def split_processor_url(url: str) -> tuple[SplitResult, int | None]:
    """Returns the parts of a URL, and its port. Unlike those of urllib, its errors never quote a password."""
    advice = "percent-encode special characters in user name and password"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError(f"the relay's URL has a bad host or port ({advice})") from None
    if "@" in parts.path + parts.query + parts.fragment or parts.path.strip("/") or parts.fragment:
        raise ValueError(f"the relay's URL has something other than a query after its host ({advice})")
    return parts, port


def parse_processor_query(text: str, keys: Sequence[str]) -> dict[str, str]:
    """Returns the keys and values of the query. Raises ValueError for an unknown key or one that is given twice."""
    allowed = f"allowed are {', '.join(keys)}"
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text))
    except ValueError:
        raise ValueError(f"the query of the relay's URL must be key=value&…; {allowed}") from None
    for key, _ in pairs:
        if key not in keys:
            raise ValueError(f"unknown key {key!r} in the relay's URL; {allowed}")
    query = dict(pairs)
    if len(query) < len(pairs):
        raise ValueError("a key stands twice in the relay's URL")
    return query


def parse_processor_name_or_use_host(text: str | None, host: str) -> str:
    """Returns the processor's name in the ledger: the one in the URL, or else the host."""
    if text is None:
        return host
    if not re.fullmatch("[A-Za-z0-9][A-Za-z0-9._-]{0,63}", text):
        raise ValueError(
            "name must be up to 64 letters, digits, dots, hyphens and underscores; relays have a comma between them"
        )
    return text


def parse_processor_country(text: str) -> str:
    """Returns a country, ISO 3166-1 alpha-2, as the policy writes it. Raises ValueError if the text is none."""
    try:
        return country_code(text)
    except ValueError:
        raise ValueError(f"country={text[:20]} is none; write the two letters of ISO 3166-1, such as DE") from None


def parse_is_in_own_network(text: str | None) -> bool:
    """Tells whether the URL says `network=own`. Raises ValueError for any other value of `network`."""
    if text not in (None, "own"):
        raise ValueError("network must be own, for a relay in your own network, or be left out")
    return text == "own"


def parse_number(key: str, text: str, limits: Mapping[str, tuple[int, int]]) -> int:
    """Returns the value of a key as a whole number. Raises ValueError if it is outside the key's limits."""
    low, high = limits[key]
    if not re.fullmatch("[0-9]{1,7}", text) or not low <= int(text) <= high:
        raise ValueError(f"{key} must be a whole number from {low} to {high:,}")
    return int(text)


def parse_purposes(text: str | None) -> frozenset[str] | None:
    """Returns the names in a list with commas. None: the URL has no `purposes`."""
    if text is None:
        return None
    names = frozenset(text.split(","))
    if not all(re.fullmatch("[a-z][a-z0-9_]*", name) for name in names):
        raise ValueError("purposes must be names such as newsletter,offers; leave the key out to allow them all")
    return names
