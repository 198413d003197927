"""The 2,000 people of a breach as a night brings them, and what each is to get by the words of the law.

All of it follows from a person's number. Nothing here asks the product what it would do.
"""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.processes import Stack

PEOPLE: Final = 2000
PLACES: Final = ("DE", "FR", "GB", "US-CA", "US-MA", "US-NY", "US", "BR")
"""Five jurisdictions; then people of the United States whose state nobody knows, and of a place without a variant."""
VARIANTS: Final = {
    "DE": "eu",
    "FR": "eu",
    "GB": "gb",
    "US-CA": "us-ca",
    "US-MA": "us-ma",
    "US-NY": "us-ny",
}
LANGUAGES: Final = {"DE": "de", "FR": "fr"}
CIRCUMSTANCES: Final = (
    "plain",
    "opted_out",
    "closed",
    "restricted",
    "dead",
    "no_address",
    "refused_electronic",
    "under_13",
    "no_consent",
    "shared",
    "shared_abroad",
)
"""`no_consent`: nobody knows if the person agreed to electronic notices. `shared`: with a person of the same place;
`shared_abroad`: with one of another place."""
_REASONS: Final = {
    "dead": "address_dead",
    "no_address": "no_address",
    "refused_electronic": "electronic_refused",
    "under_13": "under_13",
}
HACKED: Final = 99
"""The number of the person whose mailbox strangers can read."""
LIST: Final = "hacked"
BRAND: Final = "interpals"
_ADDRESSES: Final = {
    "DE": ["Lindenstrasse 4", "10969 Berlin", "GERMANY"],
    "FR": ["4 rue des Lilas", "75020 Paris", "FRANCE"],
    "GB": ["4 Mill Lane", "LONDON", "N1 1AA"],
    "BR": ["Rua das Flores 4", "01000-000 Sao Paulo", "BRAZIL"],
}
_ADDRESS_OF_STATES: Final = ["4 Main Street", "Springfield", "UNITED STATES"]


class NightPerson(NamedTuple):
    """A person: the number, the place, the circumstance, and whether a postal address is known."""

    number: int
    place: str
    circumstance: str
    has_postal_address: bool

    @property
    def ref(self) -> str:
        """The reference."""
        return f"p-{self.number}"

    @property
    def country(self) -> str:
        """The country of the place."""
        return self.place.partition("-")[0]

    @property
    def email(self) -> str:
        """The address; those who share one have that of somebody opted out at the same place, or abroad."""
        back = {"shared": 8, "shared_abroad": 10}.get(self.circumstance, 0)
        return f"p{self.number - back}@people.example" if self.number > back else f"p{self.number}@people.example"


class Told(NamedTuple):
    """The way in which a person is told, or the reason why not."""

    channel: str
    reason: str
    variant: str
    locale: str
    place: str


def night_people() -> list[NightPerson]:
    """Everybody. Each circumstance meets each place, with a postal address and without one."""
    people = [
        NightPerson(n, PLACES[n % len(PLACES)], CIRCUMSTANCES[n % len(CIRCUMSTANCES)], n // 88 % 3 != 0)
        for n in range(1, PEOPLE + 1)
    ]
    assert len({one[1:] for one in people}) == len(PLACES) * len(CIRCUMSTANCES) * 2
    return people


def told_by_law(people: Sequence[NightPerson]) -> dict[str, Told]:
    """The way in which each is to be told, by ref. Whoever shares the hacked mailbox is not mailed either."""
    [hacked] = [one for one in people if one.number == HACKED]
    return {one.ref: _told(one, one.email == hacked.email) for one in people}


def _told(one: NightPerson, is_hacked: bool) -> Told:
    rest = VARIANTS.get(one.place, "elsewhere"), LANGUAGES.get(one.place, "en"), one.place
    reason = "own_mailbox_compromised" if is_hacked else _REASONS.get(one.circumstance)
    if reason is not None:
        return Told("letter" if one.has_postal_address else "none", reason, *rest)
    if one.circumstance == "no_consent" and one.country == "US":
        if one.has_postal_address:
            return Told("letter", "no_electronic_consent", *rest)
        return Told("mail", "no_postal_address", *rest)
    return Told("mail", "mail", *rest)


async def seed_night(stack: Stack, people: Sequence[NightPerson], folder: Path) -> None:
    """Makes the people known by one import, and brings their circumstances about."""
    with (folder / "members.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("ref", "email", "first name", "country", "region", "locale", "source"))
        for one in people:
            region = one.place if "-" in one.place else ""
            source = "" if one.circumstance == "no_consent" else "app"
            locale = LANGUAGES.get(one.place, "en")
            rows.writerow((one.ref, one.email, f"Ada {one.number}", one.country, region, locale, source))
    done = await stack.done("recipients", "import", str(folder / "members.csv"), "--brand", BRAND, "--json")
    print(done.out)
    for circumstance, statement in _CIRCUMSTANCES_IN_SQL.items():
        refs = [one.ref for one in people if one.circumstance == circumstance]
        await stack.query(statement.format(people=_PEOPLE), BRAND, refs)
    await stack.query(_LISTED.format(people=_PEOPLE), BRAND, [f"p-{HACKED}"], LIST)
    written = [one for one in people if one.has_postal_address]
    for country in {one.country for one in written}:
        refs = [one.ref for one in written if one.country == country]
        lines: list[Any] = _ADDRESSES.get(country, _ADDRESS_OF_STATES)
        await stack.query(_WRITTEN.format(people=_PEOPLE), BRAND, refs, lines)


_PEOPLE: Final = "SELECT id FROM recipients WHERE brand = $1 AND ref = ANY ($2::text[])"
_CIRCUMSTANCES_IN_SQL: Final = {
    "opted_out": "UPDATE standings SET opted_out = ARRAY['*'] WHERE recipient_id IN ({people})",
    "closed": "UPDATE standings SET deactivated_at = now() WHERE recipient_id IN ({people})",
    "restricted": "UPDATE standings SET restricted_at = now() WHERE recipient_id IN ({people})",
    "dead": "UPDATE standings SET address_dead_at = now() WHERE recipient_id IN ({people})",
    "refused_electronic": "UPDATE standings SET electronic_refused_at = now() WHERE recipient_id IN ({people})",
    "under_13": "UPDATE standings SET under_13_at = now() WHERE recipient_id IN ({people})",
    "no_address": "UPDATE recipients SET email = NULL, address_hash = NULL, address_key = NULL WHERE id IN ({people})",
}
_LISTED: Final = "INSERT INTO audience_members SELECT $1, $3, id FROM ({people}) p"
_WRITTEN: Final = "INSERT INTO postal_addresses SELECT id, $3::text[], 'test' FROM ({people}) p"
