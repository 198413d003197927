"""The PostgreSQL stores that an account event changes."""

from collections.abc import Mapping
from functools import partial

from mailer.account_event_types import AccountEvent, LegalHoldOrder
from mailer.actions.account_events import AccountEventStores, AccountEventStoresOpener
from mailer.actions.confirmation_requests import ConfirmationRequestDependencies
from mailer.database.statements import Pool
from mailer.ledger.writers import LedgerWriters
from mailer.ports.person_history import ActOnPerson
from mailer.postgres.address_hashing import AddressHasher
from mailer.postgres.consents import PostgresConsents
from mailer.postgres.pending_requests import PostgresPendingRequests
from mailer.postgres.person_history import build_ledger_entries_of_staff_act
from mailer.postgres.privacy_rights import PostgresPrivacyRights
from mailer.postgres.staff_changes import writers_requiring_session_and_right
from mailer.postgres.standings import PostgresStandings
from mailer.postgres.suppressions import PostgresSuppressions
from mailer.rendering.signed_links import SignedLinks


def build_account_event_stores_opener(
    pool: Pool,
    writers: LedgerWriters,
    hasher: AddressHasher,
    links: SignedLinks,
    controllers: Mapping[str, str],
    *,
    tell: bool = False,
) -> AccountEventStoresOpener:
    """Returns a function that opens the stores for one event. They record the event with its change, and so only once.

    Args:
        pool: the connections.
        writers: the writers of the ledger.
        hasher: hashes addresses and refs.
        links: signs the link of a confirmation mail.
        controllers: the controller of each brand.
        tell: True: cancelled deliveries are also published to `mailer.outcomes`.
    """

    def desk(
        event: AccountEvent | LegalHoldOrder | None, actor: str | None = None, act: ActOnPerson | None = None
    ) -> AccountEventStores:
        named = writers if actor is None else writers.writers_with_actor(actor)
        if act is not None:
            beside = partial(build_ledger_entries_of_staff_act, act)
            named = writers_requiring_session_and_right(
                named.writers_adding_entries_to_each_change(beside), act.access.used
            )
        noting = (
            named.writers_applying_event_once(
                event.brand,
                event.id,
                hasher.hash_replacing_event_id(event.brand, event.id) or event.id,
                hasher.contents.digest_of(event),
            )
            if event
            else named
        )
        standings = PostgresStandings(pool, noting, hasher)
        return AccountEventStores(
            standings,
            PostgresPrivacyRights(pool, hasher, standings, controllers, tell=tell),
            PostgresConsents(pool, noting, hasher),
            ConfirmationRequestDependencies(links, PostgresPendingRequests(pool, noting)),
            PostgresSuppressions(pool, noting, hasher),
        )

    return desk
