"""Placeholders in a policy file: what `mailer init` could not know, and nobody has filled in yet."""

from collections.abc import Iterator, Mapping
from typing import Any

from mailer.policy.toml_lines import Path

FILL_IN = "FILL IN"
"""The beginning of a text that is still to be written."""
NO_DOMAIN = "fill-in.invalid"
"""The domain that is still to be named (RFC 2606 2)."""


def find_unfilled_values(said: Any, at: Path = ()) -> Iterator[tuple[Path, str]]:
    """Finds what is still to be filled in.

    Args:
        said: a value of a policy file.
        at: the key that it is under.

    Yields:
        The key, and what stands there.
    """
    match said:
        case str() if said.startswith(FILL_IN) or NO_DOMAIN in said:
            yield at, said
        case Mapping():
            for key, value in said.items():
                yield from find_unfilled_values(value, (*at, key))
        case list():
            for number, value in enumerate(said):
                yield from find_unfilled_values(value, (*at, number))
        case _:
            pass
