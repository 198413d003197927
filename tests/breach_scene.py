"""The people of a breach as a night brings them: 2,000 of six places and three languages, with all that is in the way.

What each is to get is computed here from the circumstances alone, by the words of the issue, and not by the product.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from mailer.policy.breach.draft import BreachPhaseDraft, NoticeText
from tests.breach_checks import PARTS
from tests.factories import BRAND, World, person

PEOPLE: Final = 2000
PLACES: Final = ("DE", "FR", "GB", "US-CA", "US-MA", "US-NY", "US", "BR")
"""The last two: a person of the United States whose state nobody knows, and one of a place without a variant."""
VARIANTS: Final[Mapping[str, Sequence[str]]] = {
    "eu": ("DE", "FR"),
    "gb": ("GB",),
    "us-ca": ("US-CA",),
    "us-ma": ("US-MA",),
    "us-ny": ("US-NY",),
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
    "hacked",
    "shared",
    "plain",
)
_IN_THE_WAY: Final = {
    "dead": "address_dead",
    "no_address": "no_address",
    "refused_electronic": "electronic_refused",
    "under_13": "under_13",
    "hacked": "own_mailbox_compromised",
}
COMPROMISED: Final = "hacked"


class ScenePerson(NamedTuple):
    """A person: the number of the ref, the place, what is in the way, and whether a postal address is known."""

    number: int
    place: str
    circumstance: str
    has_postal_address: bool

    @property
    def country(self) -> str:
        """The country of the place."""
        return self.place.partition("-")[0]

    @property
    def email(self) -> str:
        """The address; those who share one have that of the number before."""
        return f"user-{self.number - (self.circumstance == 'shared')}@people.example"


class Expected(NamedTuple):
    """The notice that a person is to get, and by which channel."""

    channel: str
    reason: str
    variant: str
    locale: str
    place: str


def scene_people(count: int = PEOPLE) -> list[ScenePerson]:
    """The people. Each circumstance meets each place, with and without a postal address."""
    return [
        ScenePerson(n, PLACES[n % len(PLACES)], CIRCUMSTANCES[n % len(CIRCUMSTANCES)], n // 8 % 3 != 0)
        for n in range(1, count + 1)
    ]


def expected_of_people(people: Sequence[ScenePerson]) -> dict[str, Expected]:
    """Returns what each person is to get, by ref. A mailbox that strangers read is not used for others either."""
    hacked = {one.email for one in people if one.circumstance == "hacked"}
    return {f"user-{one.number}": _expected(one, hacked) for one in people}


def _expected(one: ScenePerson, hacked: set[str]) -> Expected:
    variant = next((name for name, places in VARIANTS.items() if one.place in places), "elsewhere")
    text = variant, LANGUAGES.get(one.place, "en"), one.place
    reason = _IN_THE_WAY.get(one.circumstance)
    if reason is None and one.email in hacked:
        reason = "own_mailbox_compromised"
    if reason is None:
        return Expected("mail", "mail", *text)
    return Expected("letter" if one.has_postal_address else "none", reason, *text)


def scene_draft() -> BreachPhaseDraft:
    """The draft: a text in three languages for each variant; the hacked mailboxes are a list."""
    titles = {
        "en": "Notice of Data Breach",
        "de": "Mitteilung über einen Datenschutzvorfall",
        "fr": "Violation de données",
    }
    texts = {locale: NoticeText(title=title, parts=PARTS) for locale, title in titles.items()}
    variants = {name: {"places": places, "texts": texts} for name, places in {**VARIANTS, "elsewhere": ()}.items()}
    return BreachPhaseDraft.model_validate({"variants": variants, "audience": {"compromised": COMPROMISED}})


async def seed_scene(world: World, people: Sequence[ScenePerson]) -> None:
    """Makes the people known, with their circumstances, by some statements."""
    known = [
        person(one.number, email=one.email, country=one.country, locale=LANGUAGES.get(one.place, "en"))
        for one in people
    ]
    for begin in range(0, len(known), 500):
        accepted = await world.accept(known[begin : begin + 500])
        await world.drop(accepted.mailing_id)
    ids = {row["ref"]: row["id"] for row in await world.pool.fetch("SELECT id, ref FROM recipients")}
    groups: dict[str, list[int]] = {name: [] for name in CIRCUMSTANCES}
    for one in people:
        groups[one.circumstance].append(ids[f"user-{one.number}"])
    for name, column in (
        ("closed", "deactivated_at"),
        ("restricted", "restricted_at"),
        ("dead", "address_dead_at"),
        ("refused_electronic", "electronic_refused_at"),
        ("under_13", "under_13_at"),
    ):
        await world.pool.execute(
            f"UPDATE standings SET {column} = now() WHERE recipient_id = ANY ($1)",  # noqa: S608 - of the tests
            groups[name],
        )
    for recipient_id in groups["opted_out"][:40]:
        await world.standings.record_opt_out(BRAND, recipient_id, "newsletter", "page")
    await world.pool.execute(
        "UPDATE recipients SET email = NULL, address_hash = NULL, address_key = NULL WHERE id = ANY ($1)",
        groups["no_address"],
    )
    await world.pool.execute(
        "INSERT INTO audience_members SELECT $1, $2, unnest($3::bigint[])", BRAND, COMPROMISED, groups["hacked"]
    )
    await world.pool.executemany(
        "INSERT INTO recipient_attributes (recipient_id, brand, attributes) VALUES ($1, $2, $3)",
        [(ids[f"user-{one.number}"], BRAND, {"region": one.place}) for one in people if "-" in one.place],
    )
    await world.pool.execute(
        "INSERT INTO postal_addresses (recipient_id, lines, source) SELECT unnest($1::bigint[]), $2, 'test'",
        *([ids[f"user-{one.number}"] for one in people if one.has_postal_address], ["1 Main Street", "Springfield"]),
    )


def count_expected(expected: Mapping[str, Expected]) -> Counter[tuple[str, str]]:
    """The people by channel and reason."""
    return Counter((one.channel, one.reason) for one in expected.values())
