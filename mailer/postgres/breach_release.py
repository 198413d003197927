"""The release of breach phases in PostgreSQL: a manifest becomes mailings, in one transaction with its entries."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from mailer.crash_points import CrashPoint, crash_if_armed
from mailer.database.statements import Connection, Pool
from mailer.ledger.unit_of_work import UnitOfWork, open_unit_of_work
from mailer.ledger.writers import LedgerWriters
from mailer.policy.breach import release as conditions
from mailer.policy.breach.facts import BreachFacts
from mailer.policy.policy_file import Policy
from mailer.policy.publisher_and_staff_identity import Identity, identity_or_none
from mailer.ports.breach_release import (
    BreachMailing,
    BreachRelease,
    BreachReleaseRefused,
    ReleaseDeadline,
    SampledPerson,
)
from mailer.ports.ledger_entry import EntryKind, LedgerEntry
from mailer.ports.mailings import NewMailing
from mailer.postgres.address_hashing import AddressHasher
from mailer.postgres.audience_expansion import EXPANSION_SECONDS
from mailer.postgres.audiences import list_authors_of_audiences
from mailer.postgres.breach_release_rows import EXPAND, SQL, release_from_row, step_facts_of_release
from mailer.postgres.mailings import BATCH_SIZE, build_mailing_acceptance_ledger_entry
from mailer.postgres.manifest_mailings import (
    ManifestPart,
    build_mailing_of_manifest_part,
    insert_mailings_unless_id_is_taken,
)
from mailer.postgres.releaser_independence import Authors, refuse_releaser_behind_authors

CATEGORY = "breach"
_NO_CHECK = "there is no such check; check the phase first"
_MAIL = "mail"


class BreachTermsInForce(NamedTuple):
    """The terms of a brand's policy on which a release depends.

    Attributes:
        rules: the rows about breaches in force, as the check stores them.
        break_glass: `never` or `with_reason`.
    """

    rules: object
    break_glass: str


class BreachDeskParts(NamedTuple):
    """The parts of the desk on which a release depends.

    Attributes:
        read_terms: returns the terms in force of a policy.
        find_deadlines: returns the deadlines that follow from facts by the rules of a policy.
        list_uploaders: returns who has uploaded files, as identities in text, by the files' ids.
        publish_notice: puts the public notice of a phase up within the release, and returns its entries of the ledger.
    """

    read_terms: Callable[[Policy], BreachTermsInForce]
    find_deadlines: Callable[[BreachFacts, Policy], Sequence[ReleaseDeadline]]
    list_uploaders: Callable[[Pool | Connection, Sequence[UUID]], Awaitable[Sequence[str]]]
    publish_notice: Callable[[UnitOfWork, BreachRelease, Identity], Awaitable[Sequence[LedgerEntry]]]


class PostgresBreachReleases:
    """Implements `ports.breach_release.BreachReleaser`.

    Args:
        pool: the connections. writers: of the ledger. hasher: of events. policies: in force, by brand.
        desk: the other parts of the desk.
    """

    def __init__(
        self,
        pool: Pool,
        writers: LedgerWriters,
        hasher: AddressHasher,
        policies: Mapping[str, Policy],
        desk: BreachDeskParts,
    ) -> None:
        self._pool = pool
        self._writers = writers
        self._hasher = hasher
        self._policies = policies
        self._desk = desk

    async def find_release(self, manifest_id: UUID) -> BreachRelease | None:
        """See the port."""
        row = await self._pool.fetchrow(SQL["find"], manifest_id)
        return release_from_row(row) if row else None

    async def find_release_of_phase(self, case_id: UUID, phase: int) -> BreachRelease | None:
        """See the port."""
        row = await self._pool.fetchrow(SQL["of_phase"], case_id, phase)
        return release_from_row(row) if row else None

    async def list_authors(self, manifest_id: UUID) -> Sequence[tuple[str, str]]:
        """See the port."""
        release = await self._find_or_refuse(self._pool, manifest_id)
        return await self._read_authors(self._pool, release)

    async def record_look(self, manifest_id: UUID, person: str) -> BreachRelease | None:
        """See the port."""
        row = await self._pool.fetchrow(SQL["last_seen"], manifest_id, person)
        await self._pool.execute(SQL["look"], manifest_id, person)
        return release_from_row(row) if row else None

    def may_release_alone(self, brand: str) -> bool:
        """See the port."""
        policy = self._policies.get(brand)
        return policy is not None and self._desk.read_terms(policy).break_glass == conditions.WITH_REASON

    def list_deadlines(self, release: BreachRelease) -> Sequence[ReleaseDeadline]:
        """See the port."""
        policy = self._policies.get(release.brand)
        found = self._desk.find_deadlines(release.facts, policy) if policy else ()
        return sorted(found, key=lambda one: one.due_at)

    async def find_former_release(self, release: BreachRelease) -> BreachRelease | None:
        """See the port."""
        row = await self._pool.fetchrow(SQL["former"], release.case_id, release.phase)
        return release_from_row(row) if row else None

    async def sample_people(self, manifest_id: UUID, each: int) -> Sequence[SampledPerson]:
        """See the port."""
        return [SampledPerson(*row) for row in await self._pool.fetch(SQL["sample"], manifest_id, each)]

    async def list_mailings(self, case_id: UUID, phase: int) -> Sequence[BreachMailing]:
        """See the port."""
        return [BreachMailing(*row) for row in await self._pool.fetch(SQL["mailings"], case_id, phase)]

    async def ask_for_release(self, manifest_id: UUID, by: str) -> None:
        """See the port."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            release = await self._lock_or_refuse(work.connection, manifest_id)
            policy = self._policy_of(release)
            facts = step_facts_of_release(release, self._desk.read_terms(policy).rules)
            if refusal := conditions.refusal_to_ask(facts, policy.version, datetime.now(UTC)):
                raise BreachReleaseRefused(refusal)
            if release.phase_state == "awaiting_release":
                raise BreachReleaseRefused("this phase waits for its release already")
            await work.connection.execute(SQL["ask"], manifest_id, by)
            await work.connection.execute(SQL["mark_phase"], manifest_id, "awaiting_release")
            await work.append_entries([_case_entry(release, "breach_release_requested", by)])

    async def release(
        self, manifest_id: UUID, seen_hash: bytes, releaser: Identity, break_glass: str | None = None
    ) -> Sequence[BreachMailing]:
        """See the port."""
        found = await self._find_or_refuse(self._pool, manifest_id)
        self._refuse_unless_releasable(found, seen_hash)
        authors = await self._read_authors(self._pool, found)
        await self._refuse_unless_allowed(found, releaser, authors, break_glass)
        async with open_unit_of_work(self._pool, self._writers) as work:
            release = await self._lock_or_refuse(work.connection, manifest_id)
            self._refuse_unless_releasable(release, seen_hash)
            if await self._read_authors(work.connection, release) != authors:
                raise BreachReleaseRefused("somebody has worked on this case meanwhile; look at it again")
            await work.connection.execute(SQL["mark_released"], manifest_id, str(releaser), break_glass)
            await work.connection.execute(SQL["mark_phase"], manifest_id, "released")
            new = await self._make_mailings(work.connection, release, str(releaser))
            entries = await self._desk.publish_notice(work, release, releaser)
            crash_if_armed(CrashPoint.IN_BREACH_RELEASE)
            await work.append_entries([*_release_entries(release, new, str(releaser), break_glass), *entries])
        return [BreachMailing(variant, mailing.id) for variant, mailing in new.items()]

    async def record_second_look(self, manifest_id: UUID, looker: Identity, words: str, *, is_right: bool) -> None:
        """See the port."""
        found = await self._find_or_refuse(self._pool, manifest_id)
        released = [(found.released_by, "released")] if found.released_by else []
        authors = [*await self._read_authors(self._pool, found), *released]
        await refuse_releaser_behind_authors(self._pool, looker, authors)
        async with open_unit_of_work(self._pool, self._writers) as work:
            release = await self._lock_or_refuse(work.connection, manifest_id)
            if refusal := conditions.refusal_of_second_look(
                release.state,
                is_alone=release.break_glass is not None,
                is_done=release.second_look_at is not None,
                words=words,
            ):
                raise BreachReleaseRefused(refusal)
            await work.connection.execute(SQL["second_look"], manifest_id, str(looker), words)
            what = "breach_second_look_right" if is_right else "breach_second_look_wrong"
            await work.append_entries([_case_entry(release, what, str(looker), words)])

    async def _find_or_refuse(self, connection: Pool | Connection, manifest_id: UUID) -> BreachRelease:
        row = await connection.fetchrow(SQL["find"], manifest_id)
        if row is None:
            raise BreachReleaseRefused(_NO_CHECK)
        return release_from_row(row)

    async def _lock_or_refuse(self, connection: Connection, manifest_id: UUID) -> BreachRelease:
        for statement in ("lock_case", "lock_phase", "lock_manifest"):
            await connection.execute(SQL[statement], manifest_id)
        return await self._find_or_refuse(connection, manifest_id)

    def _policy_of(self, release: BreachRelease) -> Policy:
        policy = self._policies.get(release.brand)
        if policy is None:
            raise BreachReleaseRefused(f"no policy of the brand {release.brand} is in force; ask an operator")
        return policy

    def _refuse_unless_releasable(self, release: BreachRelease, seen_hash: bytes) -> None:
        policy = self._policy_of(release)
        facts = step_facts_of_release(release, self._desk.read_terms(policy).rules)
        if refusal := conditions.refusal_to_release(facts, policy.version, seen_hash, datetime.now(UTC)):
            raise BreachReleaseRefused(refusal)
        if textless := sorted({one.variant for one in release.sums} - release.templates.keys()):
            raise BreachReleaseRefused(f"people of the variant {textless[0]} would get no text; check the phase again")

    async def _refuse_unless_allowed(
        self, release: BreachRelease, releaser: Identity, authors: Authors, break_glass: str | None
    ) -> None:
        if break_glass is None:
            await refuse_releaser_behind_authors(self._pool, releaser, authors)
            return
        rule = self._desk.read_terms(self._policy_of(release)).break_glass
        if refusal := conditions.refusal_to_break_glass(rule, break_glass):
            raise BreachReleaseRefused(refusal)

    async def _read_authors(self, connection: Pool | Connection, release: BreachRelease) -> Authors:
        rows = await connection.fetch(SQL["authors"], release.case_id, release.phase, release.id)
        audience = release.draft.audience
        files = [one for one in (audience.file, audience.compromised_file) if one]
        uploaders = await self._desk.list_uploaders(connection, files) if files else ()
        names = [one for one in (audience.audience, audience.compromised) if one]
        choosers = await list_authors_of_audiences(connection, release.brand, names) if names else ()
        uploaded = ((by, "uploaded the file of") for by in uploaders)
        return [*((row["by"], row["did"]) for row in rows), *uploaded, *choosers]

    async def _make_mailings(
        self, connection: Connection, release: BreachRelease, releaser: str
    ) -> Mapping[str, NewMailing]:
        """Makes a mailing for each variant with the people who get mail. Others follow; see `PostgresLineDiverter`."""
        new = {variant: self._new_mailing(release, variant) for variant in sorted(release.templates)}
        templates = release.templates.values()
        if await insert_mailings_unless_id_is_taken(connection, list(new.values()), templates, self._hasher):
            raise BreachReleaseRefused("an event has the id of this phase's mailing; check the phase again")
        for variant, mailing in new.items():
            values = mailing.id, release.id, variant, BATCH_SIZE, 0, releaser
            await connection.fetchval(EXPAND, *values, timeout=EXPANSION_SECONDS + 10)
            others = sum(one.people for one in release.sums if one.variant == variant and one.channel != _MAIL)
            await connection.execute(SQL["foresee_others"], mailing.id, others)
            named = release.case_id, release.phase, release.id, variant, mailing.id
            await connection.execute(SQL["name_mailing"], *named)
        others = release.people - release.count_people(_MAIL)
        await connection.execute(SQL["begin_expansion"], release.id, others)
        return new

    def _new_mailing(self, release: BreachRelease, variant: str) -> NewMailing:
        publisher = identity_or_none(release.asked_by or "")
        if publisher is None:
            raise BreachReleaseRefused("nobody knows who asked for the release; check the phase again, and ask again")
        part = ManifestPart(
            f"breach-{release.id}-{variant}",
            CATEGORY,
            None,
            f"breach-manifest:{release.id}:{variant}",
            release.template_name,
            release.templates[variant],
        )
        return build_mailing_of_manifest_part(self._policies[release.brand], publisher, part)


def _release_entries(
    release: BreachRelease, new: Mapping[str, NewMailing], releaser: str, break_glass: str | None
) -> list[LedgerEntry]:
    """Returns the entries of a release: of the case, with the hash, and of each mailing."""
    shown = (f"manifest:{release.id}", f"hash:{(release.hash or b'').hex()}")
    entries = [_case_entry(release, "breach_released" if break_glass is None else "breach_released_alone", releaser)]
    if break_glass is not None:
        entries[0] = entries[0]._replace(reply=break_glass)
    for variant, mailing in new.items():
        released = LedgerEntry(
            EntryKind.MAILING,
            release.brand,
            mailing_id=mailing.id,
            category=CATEGORY,
            reason="released",
            rule=f"breach:{release.case_id}",
            fields=(*shown, f"variant:{variant}"),
            reply=releaser,
            actor=releaser,
        )
        entries += [build_mailing_acceptance_ledger_entry(mailing), released]
    return entries


def _case_entry(release: BreachRelease, reason: str, by: str, reply: str | None = None) -> LedgerEntry:
    return LedgerEntry(
        EntryKind.CONTROL,
        release.brand,
        category=CATEGORY,
        reason=reason,
        rule=f"breach:{release.case_id}",
        fields=(f"manifest:{release.id}", f"phase:{release.phase}", f"hash:{(release.hash or b'').hex()}"),
        reply=reply,
        actor=by,
    )
