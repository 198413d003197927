"""The form of a URL in MAILER_WEBHOOKS: a provider, the endpoint's name, and keys that only the provider reads."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote

MIN_SECRET: Final = 24
"""The least characters of a secret that we choose. Nothing else protects an endpoint whose provider signs nothing."""
MAX_VALUE: Final = 2_000
"""Characters of a value, decoded."""

_URL: Final = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9]*)://(?P<name>[a-z0-9]+(?:-[a-z0-9]+)*)/?(?:\?(?P<query>[^#\s]*))?"
)
_MAX_NAME: Final = 60
_FORM: Final = (
    "a webhook's URL has the form provider://name?key=value&…; the name has lower case letters, digits and single"
    " hyphens, at most 60; percent-encode commas, & and # in values"
)


@dataclass(frozen=True, slots=True)
class EndpointUrl:
    """The parts of a URL. Its repr shows no value, since values are secrets.

    Attributes:
        scheme: the provider, in lower case. name: the endpoint's name. values: the decoded values by their keys.
    """

    scheme: str
    name: str
    values: Mapping[str, str] = field(repr=False)

    def refuse_other_keys(self, *allowed: str) -> None:
        """Checks that each key is one of some.

        Raises:
            ValueError: one is not. The message names it, and quotes no value.
        """
        for key in self.values:
            if key not in allowed:
                raise ValueError(f"unknown key {key[:20]!r} in a webhook's URL; {self.scheme} has {', '.join(allowed)}")

    def required(self, key: str, meaning: str) -> str:
        """Returns a value.

        Raises:
            ValueError: it is missing or empty. The message says what it is.
        """
        if not self.values.get(key):
            raise ValueError(f"the webhook {self.scheme}://{self.name} needs {key}=…: {meaning}")
        return self.values[key]

    def required_secret(self, key: str, meaning: str) -> str:
        """Returns a secret of ours, which is long and in printable ASCII.

        Raises:
            ValueError: it is missing, short, or has other characters.
        """
        secret = self.required(key, meaning)
        if len(secret) < MIN_SECRET or not (secret.isascii() and secret.isprintable()) or " " in secret:
            raise ValueError(
                f"{key} of the webhook {self.scheme}://{self.name} needs {MIN_SECRET} letters, digits or signs that"
                " nobody can guess (`openssl rand -hex 32` makes some)"
            )
        return secret


def parse_endpoint_url(url: str) -> EndpointUrl:
    """Parses `provider://name?key=value&…`. A plus in a value is a plus, since keys in base64 have some.

    Raises:
        ValueError: it has another form. The message quotes nothing that could be a secret.
    """
    found = _URL.fullmatch(url)
    if found is None or len(found["name"]) > _MAX_NAME:
        raise ValueError(_FORM)
    values: dict[str, str] = {}
    for pair in (found["query"] or "").split("&") if found["query"] else ():
        key, equals, value = pair.partition("=")
        if not re.fullmatch("[a-z_]{1,40}", key) or not equals:
            raise ValueError(_FORM)
        if key in values:
            raise ValueError(f"the key {key} stands twice in a webhook's URL")
        values[key] = _decode_value(key, value)
    return EndpointUrl(found["scheme"].lower(), found["name"], values)


def _decode_value(key: str, value: str) -> str:
    try:
        decoded = unquote(value, errors="strict")
    except UnicodeDecodeError:
        raise ValueError(f"the value of {key} in a webhook's URL is not in UTF-8") from None
    if len(decoded) > MAX_VALUE or not decoded.isprintable():
        raise ValueError(f"the value of {key} in a webhook's URL has a control character, or is too long")
    return decoded
