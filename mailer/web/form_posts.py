"""Rules for all public pages: a link only shows, a button acts."""

from collections.abc import Mapping
from urllib.parse import parse_qs

from fastapi import Request

from mailer.policy.rule_registry import rule
from mailer.policy.standing import Standing

Form = Mapping[str, list[str]]
"""The fields of a form: the values by name."""

METHODS = ["GET", "HEAD", "POST"]
"""The HTTP methods of a page that people reach by a link and use by its buttons."""


@rule("press-to-leave", "paltalk02-10; invariant 5", idle=True)
def is_post_method(method: str) -> bool:
    """Following a link shows what would happen and changes nothing; the press of a button does it."""
    return method == "POST"


def is_link_for_address_on_record(generation: int | None, standing: Standing) -> bool:
    """Tells whether a link was made for the address that is on record now. An older link can opt out, nothing more."""
    return generation == standing.generation and standing.address is not None


async def read_form(request: Request) -> Form:
    """Returns the fields of a URL-encoded form; none for any other body, such as multipart (RFC 8058 3.2)."""
    body = await request.body()
    if not request.headers.get("content-type", "").lower().startswith("application/x-www-form-urlencoded"):
        return {}
    return parse_form(body)


def parse_form(body: bytes) -> Form:
    """Returns the fields of a URL-encoded form; those without a value are left out."""
    return parse_qs(body.decode("latin-1"))
