"""The recipients of a fault run: people of two brands, in audiences of three sizes."""

import csv
from collections.abc import Mapping
from pathlib import Path

from tests.acceptance.samples import BRANDS
from tests.processes import Stack

AUDIENCES: Mapping[str, int] = {"all": 3000, "some": 400, "few": 40, "family": 5000}
"""Sizes of each; `few` fits one window, and all of `family` share one address."""
_GROWING = ("all", "some", "few")
"""Each of these holds the next one."""
DOMAINS = 300
"""Domains of the mailboxes. mailer slows down for a domain whose server asks for it, and the sink asks at times."""
SIZE = AUDIENCES["all"]


def ref(number: int) -> str:
    """The id of a person at an application."""
    return f"p{number}"


async def import_all(stack: Stack) -> None:
    """Makes them known: they have asked for all mail, and pay, so that service mail is just that."""
    for brand in BRANDS:
        await stack.done("recipients", "import", str(_file(stack.folder, brand)), "--brand", brand)


def _file(folder: Path, brand: str) -> Path:
    path = folder / f"{brand}.csv"
    rows = [_person(number, brand) for number in range(SIZE)]
    rows += [_relative(number, brand) for number in range(AUDIENCES["family"])]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def _person(number: int, brand: str) -> dict[str, str]:
    return {
        "ref": ref(number),
        "email": f"p{number}@{brand}.d{number % DOMAINS}.example",
        "name": f"Person {number}",
        "locale": ("en", "de", "ar")[number % 3],
        "country": "GB",
        "source": "sign-up",
        "collected_at": "2025-03-01T12:00:00Z",
        "consents": "newsletter;promotional",
        "consent_source": "confirmed",
        "consent_version": "form 1",
        "consent_at": "2025-03-01T12:05:00Z",
        "consent_words": "Yes, write to me.",
        "consent_proof": "message-id:<8121@old.example>",
        "paid": "yes",
        "audiences": ";".join(name for name in _GROWING if number < AUDIENCES[name]),
    }


def _relative(number: int, brand: str) -> dict[str, str]:
    """One of many accounts that have the same address."""
    email = f"family@{brand}.shared.example"
    return _person(number, brand) | {"ref": f"f{number}", "email": email, "audiences": "family"}
