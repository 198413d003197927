"""What all public pages have in common: a link only shows, a button acts."""

from collections.abc import Mapping
from urllib.parse import parse_qs

from fastapi import Request

from mailer.policy.rule_registry import rule
from mailer.policy.standing import Standing

Form = Mapping[str, list[str]]
"""The fields of a form."""

METHODS = ["GET", "HEAD", "POST"]
"""Of a page that somebody comes to by a link, and acts on by its buttons."""


@rule("press-to-leave", "paltalk02-10; invariant 5", idle=True)
def is_button_press(method: str) -> bool:
    """Following a link shows what would happen and changes nothing; the press of a button does it."""
    return method == "POST"


def is_current_address(generation: int | None, standing: Standing) -> bool:
    """Tells whether a link was made for the address on record now. One that was not can opt out, and do no more."""
    return generation == standing.generation and standing.address is not None


async def read_form(request: Request) -> Form:
    """The fields of a page's form; none for what a one-click sender posts, or anything else (RFC 8058 3.2)."""
    body = await request.body()
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return {}
    return parse_qs(body.decode("latin-1"))
