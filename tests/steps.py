"""The things that can happen to a pipeline over a real database, one coroutine each; `tests.model` says the result."""

from collections.abc import Awaitable, Collection, Sequence
from datetime import UTC, datetime
from uuid import UUID

from mailer.actions import account_flags as accounts
from mailer.actions import record_opt_out
from mailer.actions.confirmation_requests import ConfirmationAsked, ConfirmationRequestDependencies
from mailer.actions.consent import confirm_consent, record_consent_or_ask_to_confirm
from mailer.actions.privacy_rights import erase_recipient
from mailer.actions.suppression import object_to_marketing
from mailer.events import Person
from mailer.policy.policy_file import Policy
from mailer.policy.publisher_and_staff_identity import Identity
from mailer.policy.required_frequency_counts import frequency_counts_needed_by_policies
from mailer.ports.consents import Consent
from mailer.ports.deliveries import Claim
from mailer.ports.mailings import NewMailing
from mailer.ports.pending_requests import PendingRequest
from mailer.ports.recipient_import import RecipientImportRow
from mailer.ports.standings import StandingFlag
from mailer.ports.time_ordered_uuids import uuid7
from mailer.postgres.deliveries import PostgresDeliveries
from mailer.rendering.event_checks import check_event_and_get_template
from mailer.rendering.renderer_cache import MailingRendererCache
from mailer.rendering.signed_links import SignedLinks
from tests.factories import World, make_event, policies, templates
from tests.integration.web_world import PUBLIC_URL, browse
from tests.model import Account, Terms

JOINT = "joint"
"""The id of one controller for all brands, so that an objection holds for all; mail shows each brand's own address."""


class Racing(PostgresDeliveries):
    """Deliveries between whose claim and whose intent something happens."""

    meanwhile: Awaitable[object] | None = None

    async def claim_queued_deliveries_of_batches(
        self, batches: Sequence[int], owner: str, mailings: Collection[UUID] = ()
    ) -> Claim | None:
        """Claims deliveries, and then lets the event happen."""
        claim = await super().claim_queued_deliveries_of_batches(batches, owner, mailings)
        happens, self.meanwhile = self.meanwhile, None
        if happens is not None:
            await happens
        return claim


class Steps:
    """A world, its policies and its keys."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.keys = ["key-1"]
        self.links = SignedLinks(PUBLIC_URL, self.keys)

    def rotate(self, key: str) -> None:
        """A new key is put in front; the old ones stay good for reading."""
        self.keys.insert(0, key)
        self._prepare()

    def govern(self, brand: str, versions: Sequence[Terms]) -> None:
        """Puts the last of these versions in force, with the others beside it."""
        own = policies()[brand]
        shipped = own.model_copy(update={"controller": own.controller.model_copy(update={"id": JOINT})})
        known = {terms.version: _version(shipped, terms) for terms in versions}
        current = known.pop(versions[-1].version)
        self.world.policies[brand] = current.with_earlier_versions(known)
        self._prepare()

    def _prepare(self) -> None:
        self.links = SignedLinks(PUBLIC_URL, self.keys)
        self.world.renderers = MailingRendererCache(self.world.policies, templates(), self.links, None)

    async def imported(self, account: Account, scope: str | None = None, address: str | None = None) -> None:
        """Imports the account from a file, as it is now."""
        now = datetime.now(UTC)
        person = Person(
            ref=account.ref,
            email=address or account.address,
            country=account.country,
            source="sign-up",
            collected_at=now,
            policy_version=account.under,
        )
        said = (Consent(scope, True, "confirmed", "form 1", "Yes, write to me.", "import", now),) if scope else ()
        importer = self.world.importer(account.brand, JOINT)
        await importer.import_rows_in_one_transaction(
            [RecipientImportRow(person, products=("*",) if account.paid else None, consents=said)]
        )

    async def id_of(self, account: Account) -> int:
        """The account's id at the brand."""
        return await self.world.id_of(account.ref, account.brand)

    async def consents(self, account: Account, scope: str) -> bool:
        """Records a consent of an application, and confirms it where the law wants that. Returns True if it does."""
        policy, whose = self.world.policies[account.brand], await self.id_of(account)
        said = Consent(scope, True, "application", "form 1", "Yes, write to me.", "shop", datetime.now(UTC))
        asking = ConfirmationRequestDependencies(self.links, self.world.wishes)
        standing = await self.world.standings.get_standing(account.brand, whose)
        done = await record_consent_or_ask_to_confirm(
            self.world.consents, asking, policy, whose, said, standing.country if standing else None
        )
        assert isinstance(done, ConfirmationAsked) is account.confirms
        if account.confirms:
            await confirm_consent(
                self.world.consents, policy, whose, PendingRequest(scope, "form 1", said.words, said.at), "a token"
            )
        return account.confirms

    async def leaves(self, account: Account, scope: str) -> None:
        """Opts the account out by the page."""
        policy = self.world.policies[account.brand]
        await record_opt_out(self.world.standings, policy, await self.id_of(account), scope, "page")

    async def objects(self, account: Account) -> None:
        """Records an objection by an operator."""
        policy = self.world.policies[account.brand]
        await object_to_marketing(self.world.suppressions, policy, await self.id_of(account), "letter", "Olga Operator")

    async def erased(self, account: Account) -> None:
        """Erases the person, as they asked."""
        await erase_recipient(
            self.world.rights, self.world.policies[account.brand], await self.id_of(account), "letter"
        )

    async def marked(self, account: Account, flag: StandingFlag, on: bool) -> None:
        """Marks the account, as an application said."""
        await accounts.set_account_flag(
            self.world.standings, account.brand, await self.id_of(account), flag, on, "test"
        )

    async def mailed(self, brand: str, category: str, meanwhile: Awaitable[object] | None = None) -> UUID:
        """A mailing to everyone is taken in, released if it waits, and handed over."""
        world, policy = self.world, self.world.policies[brand]
        event = make_event({"audience": "everyone"}, category, brand=brand)
        template = check_event_and_get_template(event, world.policies, templates())
        known = policy.categories[category], template.version, template.source, policy.version, JOINT
        [accepted] = await world.mailings.accept_mailings(
            [NewMailing(uuid7(), event, Identity.parse_identity("key:shop"), *known)]
        )
        rows = await world.pool.fetch("SELECT id FROM batches WHERE mailing_id = $1", accepted.mailing_id)
        batches = [row["id"] for row in rows]
        if policy.categories[category].needs_release:
            await world.handover().hand_over_batches(batches)
            assert not world.processor.sent, "it waits for a second person (invariant 9)"
            await world.mailings.release_mailing(accepted.mailing_id, "Dana Duty")
        deliveries = Racing(world.pool, world.writers, frequency_counts_needed_by_policies(world.policies.values()))
        deliveries.meanwhile = meanwhile
        await world.handover(deliveries=deliveries).hand_over_batches(batches)
        for _ in range(2):
            await world.due_now()
            await world.timekeeper().run_all_steps_once()
            await world.run_published()
        return accepted.mailing_id

    async def looked_at(self, *paths: str) -> list[int]:
        """The status of pages that somebody only looks at, by GET and HEAD."""
        async with browse(self.world, tuple(self.keys)) as client:
            return [(await client.request(method, path)).status_code for path in paths for method in ("GET", "HEAD")]

    async def versions(self) -> list[tuple[int, int]]:
        """The version of every standing."""
        rows = await self.world.pool.fetch("SELECT recipient_id, version FROM standings ORDER BY 1")
        return [(row["recipient_id"], row["version"]) for row in rows]

    async def tampered(self) -> tuple[tuple[str, int], list[tuple[str, int]]] | None:
        """Changes an entry behind the writers' backs. Returns it, and the entries that the verification then names."""
        pool = self.world.pool
        row = await pool.fetchrow("SELECT writer, n FROM ledger ORDER BY writer, n LIMIT 1")
        if row is None:
            return None
        await pool.execute("UPDATE ledger SET reason = 'x' WHERE writer = $1 AND n = $2", row["writer"], row["n"])
        verdict = await self.world.ledger.verify_ledger()
        return (str(row["writer"]), row["n"]), [(fault.writer, fault.n) for fault in verdict.faults]

    async def found(self, text: str) -> list[str]:
        """The tables in which a text stands."""
        tables = await self.world.pool.fetch(
            "SELECT oid::regclass::text AS name FROM pg_class"
            " WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = 'public'::regnamespace"
        )
        names = [table["name"] for table in tables]
        where = "SELECT '{0}' AS name WHERE EXISTS (SELECT FROM {0} t WHERE t::text ILIKE $1)"
        queries = [where.format(name) for name in names]
        return [row["name"] for row in await self.world.pool.fetch(" UNION ALL ".join(queries), f"%{text}%")]

    async def emptied(self) -> None:
        """Deletes all rows of all tables but two."""
        tables = await self.world.pool.fetch(
            "SELECT tablename FROM pg_tables"
            " WHERE schemaname = 'public' AND tablename NOT IN ('schema_migrations', 'turns')"
        )
        await self.world.pool.execute(f"TRUNCATE {', '.join(row['tablename'] for row in tables)} CASCADE")


def _version(shipped: Policy, terms: Terms) -> Policy:
    basis, scope = "opt_in" if terms.asks else "opt_out", "paid" if terms.paid_only else "any"
    switches = shipped.switches.model_copy(update={"promo_basis": basis, "service_scope": scope})
    return shipped.model_copy(update={"version": terms.version, "switches": switches}).with_earlier_versions({})
