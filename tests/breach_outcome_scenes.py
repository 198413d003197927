"""Released phases of breach cases whose mail went through the real hand-over, for tests of what comes after."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from mailer.ledger.unit_of_work import open_unit_of_work
from mailer.policy.breach.draft import ELSEWHERE, BreachPhaseDraft, NoticePart, NoticeText, NoticeVariant
from mailer.policy.breach.facts import BreachFacts, DataKind, Risk
from mailer.ports.breach_cases import BreachCase
from mailer.ports.ledger_entry import LedgerEntry
from mailer.ports.time_ordered_uuids import uuid7
from mailer.postgres.breach_cases import PostgresBreachCases
from mailer.postgres.breach_public_notices import PhaseToPublish, release_public_notice_of_phase
from tests.accounts import released
from tests.breach_rules import RULES
from tests.factories import BRAND, World

FACTS = BreachFacts(
    summary="A backup of the mail database was read",
    found_at=datetime(2026, 11, 20, 9, tzinfo=UTC),
    data=frozenset({DataKind.EMAIL_ADDRESS, DataKind.NAME}),
    risk=Risk.HIGH,
    people_by_place={"DE": 2, "US-CA": 3},
    effects="Unwanted mail.",
    measures="The way in is closed.",
)


class Line(NamedTuple):
    """A line of a manifest, for the person `user-N`."""

    place: str = "DE"
    variant: str = ELSEWHERE
    channel: str = "mail"
    reason: str = "mail"


def notice_text(title: str = "Notice of Data Breach", **parts: str) -> NoticeText:
    """A text with the five parts that a public notice needs."""
    said = {part: f"{title}: this says {part.value.replace('_', ' ')}." for part in NoticePart if _is_plain(part)}
    return NoticeText(title=title, parts={**said, **{NoticePart(name): words for name, words in parts.items()}})


def _is_plain(part: NoticePart) -> bool:
    return part.value in ("what_happened", "what_information", "what_we_do", "what_you_can_do", "more_information")


def draft_of(*variants: str, public_days: int = 0) -> BreachPhaseDraft:
    """A draft in English and German, with a variant for each place that is named, such as `US-CA`."""
    texts = {"en": notice_text(), "de": notice_text("Bekanntmachung eines Datenlecks")}
    made = {name.lower(): NoticeVariant(places=(name,), texts=texts) for name in variants}
    return BreachPhaseDraft(variants={ELSEWHERE: NoticeVariant(texts=texts), **made}, public_days=public_days)


async def open_case(world: World, name: str = "Backup") -> BreachCase:
    """An open case of the brand, which Ada wrote."""
    return await PostgresBreachCases(world.pool, world.writers).create_case(BRAND, name, FACTS, "person:Ada")


async def released_phase(
    world: World,
    case: BreachCase,
    phase: int,
    lines: Mapping[int, Line],
    draft: BreachPhaseDraft | None = None,
    templates: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, UUID]:
    """A released phase whose mail was handed over as far as it may. Returns the mailing of each variant."""
    store, chosen = PostgresBreachCases(world.pool, world.writers), draft or draft_of()
    if phase > 1:
        await store.create_phase(case.id, "person:Ada")
    [*_, current] = await store.list_phases(case.id)
    await store.save_phase(case.id, phase, current.revision, chosen, "person:Ada")
    manifest = uuid7()
    await store_released_manifest(world, case, phase, chosen, len(lines), templates or {}, manifest)
    return {
        variant: await _release_variant(world, case.id, phase, manifest, variant, lines)
        for variant in sorted({line.variant for line in lines.values()})
    }


async def store_released_manifest(
    world: World,
    case: BreachCase,
    phase: int,
    draft: BreachPhaseDraft,
    people: int,
    templates: Mapping[str, Sequence[str]],
    manifest: UUID,
) -> None:
    """Stores a released manifest without people, and marks its phase as released."""
    await world.pool.execute(
        "INSERT INTO breach_manifests (id, case_id, phase, brand, revision, facts_revision, state, facts, draft, rules,"
        " templates, policy_version, people, requested_by, released_by, released_at, hash) VALUES"
        " ($1, $2, $3, $4, 1, 1, 'released', $5, $6, '[]', $9, '1', $7, 'person:Ada', 'person:Dana', now(), $8)",
        *(manifest, case.id, phase, BRAND, case.facts.model_dump(mode="json"), draft.model_dump(mode="json")),
        *(people, bytes(32), templates),
    )
    await world.pool.execute(
        "UPDATE breach_phases SET state = 'released', manifest_id = $3 WHERE case_id = $1 AND phase = $2",
        *(case.id, phase, manifest),
    )


async def publish_notice(world: World, case: BreachCase, draft: BreachPhaseDraft) -> list[LedgerEntry]:
    """Publishes the notice of phase 1 in a transaction, as its release does. Returns the entries of the ledger."""
    async with open_unit_of_work(world.pool, world.writers) as work:
        phase = PhaseToPublish(case.id, 1, BRAND, case.facts, draft, RULES, "person:Ada")
        entries = await release_public_notice_of_phase(work.connection, phase, "person:Dana")
        await work.append_entries(entries)
    return entries


async def _release_variant(
    world: World, case_id: UUID, phase: int, manifest: UUID, variant: str, lines: Mapping[int, Line]
) -> UUID:
    chosen = {number: line for number, line in lines.items() if line.variant == variant}
    accepted = await released(world, {"refs": [f"user-{number}" for number in chosen]})
    await world.pool.execute(
        "INSERT INTO breach_mailings (case_id, phase, manifest_id, variant, mailing_id) VALUES ($1, $2, $3, $4, $5)",
        *(case_id, phase, manifest, variant, accepted.mailing_id),
    )
    rows = [
        (manifest, await world.id_of(f"user-{number}"), line.channel, line.reason, line.variant, "en", line.place)
        for number, line in chosen.items()
    ]
    await world.pool.executemany(
        "INSERT INTO breach_manifest_people (manifest_id, recipient_id, channel, reason, variant, locale, place)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7)",
        rows,
    )
    return accepted.mailing_id


async def notices_of(world: World, mailing_ids: Sequence[UUID]) -> dict[str, tuple[str, str]]:
    """State and reason of the notices in writing of mailings, by ref."""
    rows = await world.pool.fetch(
        "SELECT r.ref, n.state, n.reason FROM notices n JOIN recipients r ON r.id = n.recipient_id"
        " WHERE n.mailing_id = ANY ($1::uuid[])",
        list(mailing_ids),
    )
    return {row["ref"]: (row["state"], row["reason"]) for row in rows}
