"""The ground of the benchmarks: a private database with recipients, and a mailing to an audience of them."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from mailer import bundled_files
from mailer.database.connections import open_pool
from mailer.database.statements import Pool
from mailer.embedded import postgres
from mailer.events import Person, validate_event
from mailer.ledger.writers import LedgerWriters
from mailer.policy.category import CATEGORIES
from mailer.policy.jurisdiction import parse_law_by_country
from mailer.policy.policy_file import Policy, parse_policy
from mailer.policy.publisher_and_staff_identity import Identity
from mailer.policy.publisher_rights import RightsOfOnePublisher
from mailer.policy.standing import EVERY_PRODUCT
from mailer.ports.mailings import AcceptedMailing, NewMailing
from mailer.ports.recipient_import import RecipientImportRow
from mailer.ports.time_ordered_uuids import uuid7
from mailer.postgres.address_hashing import AddressHasher
from mailer.postgres.mailings import PostgresMailings
from mailer.postgres.migrations import apply_migrations
from mailer.postgres.publishers import PostgresPublishers
from mailer.postgres.recipient_import import PostgresRecipientImporter
from mailer.rendering.template_library import TemplateLibrary

BRAND = "interpals"
ADDRESS_KEY = "the address key of the benchmarks and of nothing else"
LEDGER_KEY = "the ledger key of the benchmarks and of nothing else"
SECRET_KEY = "the link key of the benchmarks and of nothing else"
CHUNK = 5_000


def read_policies() -> dict[str, Policy]:
    """The shipped policies, by brand."""
    law = parse_law_by_country(bundled_files.read_texts_of_toml_files("jurisdictions"))
    read = [
        parse_policy(file.read_text(), file.name, law)
        for file in bundled_files.bundled_folder("policies").glob("*.toml")
    ]
    return {policy.brand: policy for policy in read}


def somebody(number: int) -> Person:
    """A person to whom all mail may go."""
    return Person(
        ref=f"u{number}",
        email=f"u{number}@people.example",
        name=f"User {number}",
        country="US",
        source="sign-up",
        policy_version="2024",
    )


@contextmanager
def database() -> Iterator[str]:
    """A private database, migrated; its URL."""
    with tempfile.TemporaryDirectory() as folder, postgres.start_postgres(Path(folder)) as server:
        apply_migrations(server.url(), bundled_files.bundled_folder("migrations"))
        yield server.url()


async def let_publish(url: str) -> None:
    """Lets RabbitMQ's default user and the database's own role publish every category of the benchmarks' brand."""
    async with await open_pool(url, size=1) as pool:
        for identity in ("broker:guest", f"role:{await pool.fetchval('SELECT current_user')}"):
            rights = RightsOfOnePublisher(frozenset({BRAND}), frozenset(CATEGORIES))
            await PostgresPublishers(pool, LedgerWriters("bench")).grant_rights_and_missing_key(
                Identity.parse_identity(identity), rights
            )


@dataclass(frozen=True)
class Setting:
    """The parts of mailer that the benchmarks share."""

    pool: Pool
    writers: LedgerWriters
    mailings: PostgresMailings
    policies: dict[str, Policy]
    templates: TemplateLibrary

    async def recipients(self, first: int, last: int, *audiences: str) -> None:
        """Imports people, all of the same audiences."""
        importer = PostgresRecipientImporter(
            self.pool, self.writers, AddressHasher(ADDRESS_KEY), BRAND, BRAND, self.policies[BRAND].source_vocabulary
        )
        for start in range(first, last, CHUNK):
            numbers = range(start, min(start + CHUNK, last))
            await importer.import_rows_in_one_transaction(
                [RecipientImportRow(somebody(n), audiences=audiences, products=(EVERY_PRODUCT,)) for n in numbers]
            )

    def mailing(self, audience: str) -> NewMailing:
        """A newsletter to an audience."""
        template = self.templates.find_template(BRAND, "weekly")
        if template is None:
            raise LookupError(f"{BRAND} has no template weekly")
        event = validate_event(
            {
                "v": 1,
                "id": uuid7().hex,
                "brand": BRAND,
                "category": "newsletter",
                "template": "weekly",
                "to": {"audience": audience},
                "context": dict(template.example),
            }
        )
        category = CATEGORIES["newsletter"]
        return NewMailing(
            uuid7(),
            event,
            Identity.parse_identity("key:bench"),
            category,
            template.version,
            template.source,
            "2024",
            BRAND,
        )

    async def accept(self, audience: str) -> AcceptedMailing:
        """Takes a newsletter to an audience in."""
        [accepted] = await self.mailings.accept_mailings([self.mailing(audience)])
        return accepted


@asynccontextmanager
async def setting(url: str) -> AsyncIterator[Setting]:
    """Builds the shared parts over a database."""
    pool = await open_pool(url)
    try:
        writers, policies = LedgerWriters(LEDGER_KEY), read_policies()
        mailings = PostgresMailings(pool, writers, AddressHasher(ADDRESS_KEY), policies)
        yield Setting(
            pool,
            writers,
            mailings,
            policies,
            TemplateLibrary.load_library(bundled_files.bundled_folder("templates"), policies),
        )
    finally:
        await pool.close()
