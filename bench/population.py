"""Ten thousand made-up people, the same on each run: as a file to import, and as standings to decide on."""

import csv
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from io import StringIO
from typing import Any, TypeVar

from mailer.policy.consent_validity import format_consent_days
from mailer.policy.standing import EMAIL, EVERY_PRODUCT, Standing

T = TypeVar("T")

SIZE = 10_000
COUNTRIES = ("US", "US", "US", "GB", "DE", "FR", "IT", "CA", "JP", "BR", None)
SOURCES = ("sign-up", "sign-up", "sign-up", "sale", "subscription", "contest", None)
WORDS = "Yes, write to me."
"""A wording of each of our policies."""
CONSENTS = ("", "", "newsletter", "newsletter", "promotional", "newsletter;promotional", "newsletter/chess")
FLAGS = {
    "deactivated": 0.03,
    "restricted": 0.01,
    "under_13": 0.005,
    "electronic_refused": 0.01,
    "address_dead": 0.015,
    "objected": 0.01,
}
"""Traits that few people have, with the share of people who have each."""


GIVEN_ON = date(2025, 1, 1)
"""The day on which all consents were given and confirmed."""


@dataclass(frozen=True, slots=True)
class Somebody:
    """One made-up person."""

    number: int
    country: str | None
    source: str | None
    consents: str
    opted_out: str
    paid: bool
    channel: str
    flags: frozenset[str]

    @property
    def ref(self) -> str:
        """The id of this person at an application."""
        return f"person-{self.number:05}"

    @property
    def address(self) -> str:
        """An address that belongs to nobody."""
        return f"{self.ref}@people.example"

    @property
    def standing(self) -> Standing:
        """The person's standing at any brand, as a decision sees it."""
        plain = Standing(
            self.number,
            1,
            self.address,
            opted_out=_scopes(self.opted_out),
            consents=_scopes(self.consents),
            consent_days=format_consent_days(_scopes(self.consents), GIVEN_ON, GIVEN_ON),
            source=self.source,
            country=self.country,
            products=frozenset({EVERY_PRODUCT} if self.paid else ()),
            channel=self.channel,
        )
        flags: dict[str, Any] = dict.fromkeys(self.flags, True)
        return replace(plain, **flags)


def people() -> Iterator[Somebody]:
    """All people, in their order."""
    chance = random.Random(2006).random

    def one_of(values: Sequence[T]) -> T:
        return values[int(chance() * len(values))]

    for number in range(1, SIZE + 1):
        left = chance()
        yield Somebody(
            number,
            country=one_of(COUNTRIES),
            source=one_of(SOURCES),
            consents=one_of(CONSENTS),
            opted_out="newsletter" if left < 0.05 else "promotional" if left < 0.09 else "*" if left < 0.11 else "",
            paid=chance() < 0.3,
            channel="telephone" if chance() < 0.01 else EMAIL,
            flags=frozenset(name for name, share in FLAGS.items() if chance() < share),
        )


def as_file() -> StringIO:
    """The data of people that an import takes. Facts that a brand learns later are not in it."""
    file = StringIO(newline="")
    writer = csv.writer(file)
    proof = ("consent_source", "consent_version", "consent_at", "consent_words", "consent_proof")
    writer.writerow(
        ("ref", "email", "country", "source", "collected_at", "purpose", "opted_out", "paid", "consents", *proof)
    )
    for somebody in people():
        given = ("confirmed", "form 2025", "2025-01-01T12:05:00Z", WORDS, f"message-id:<{somebody.ref}@mail.example>")
        said = given if somebody.consents else ("",) * len(proof)
        paid = "yes" if somebody.paid else ""
        collected = ("2025-01-01T12:00:00Z", "newsletter") if somebody.source else ("", "")
        known = (somebody.ref, somebody.address, somebody.country, somebody.source, *collected)
        writer.writerow((*known, somebody.opted_out, paid, somebody.consents, *said))
    file.seek(0)
    return file


def _scopes(joined: str) -> frozenset[str]:
    return frozenset(joined.split(";")) - {""}
