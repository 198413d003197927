"""Drafts of campaigns in PostgreSQL: two editors, history, archive, and the ledger's entries."""

import asyncio
from uuid import UUID, uuid4

import pytest

from mailer.policy.campaign_draft import CampaignDraft, LocalizedDraft
from mailer.policy.campaign_stages import CampaignStage, CampaignState
from mailer.ports.campaigns import (
    CampaignChangedMeanwhile,
    CampaignChangeRefused,
    CampaignFilter,
    CampaignListPlace,
    CampaignUnknown,
)
from mailer.postgres.campaigns import PostgresCampaigns
from mailer.postgres.mailing_directory import PostgresMailingDirectory
from tests.factories import BRAND, World, person

ANN, BEN = "person:Ann", "person:Ben"
DRAFT = CampaignDraft(category="newsletter", purpose="newsletter")


def store_over(world: World, by: str = ANN) -> PostgresCampaigns:
    """The store of one person."""
    directory = PostgresMailingDirectory(world.pool, world.policies)
    return PostgresCampaigns(world.pool, world.writers.writers_with_actor(by, ""), directory)


def with_subject(draft: CampaignDraft, subject: str, locale: str = "en") -> CampaignDraft:
    """The draft with a subject in a language."""
    texts = {**draft.variants["a"], locale: LocalizedDraft(subject=subject)}
    return draft.model_copy(update={"variants": {**draft.variants, "a": texts}})


async def entries_of(world: World, campaign_id: UUID) -> list[tuple[str, str, list[str]]]:
    """The ledger's entries about a campaign: what, by whom, and the fields."""
    rows = await world.pool.fetch(
        "SELECT reason, actor, fields FROM ledger WHERE rule = $1 ORDER BY at, n", f"campaign:{campaign_id}"
    )
    return [(row["reason"], row["actor"], list(row["fields"])) for row in rows]


async def test_second_editor_is_told_and_nothing_is_lost(world: World) -> None:
    """The first of two savings of one revision is stored; the second is refused with what is stored."""
    store = store_over(world)
    made = await store.create_campaign(BRAND, "Autumn", DRAFT, ANN)
    mine, theirs = with_subject(DRAFT, "Mine"), with_subject(DRAFT, "Theirs")
    results = await asyncio.gather(
        store.save_draft(made.id, 1, mine, ANN),
        store_over(world, BEN).save_draft(made.id, 1, theirs, BEN),
        return_exceptions=True,
    )
    [refused] = [one for one in results if isinstance(one, Exception)]
    assert isinstance(refused, CampaignChangedMeanwhile)
    stored = await store.find_campaign(made.id)
    assert stored is not None
    assert refused.current == stored
    assert stored.revision == 2
    assert stored.draft in (mine, theirs)
    assert stored.updated_by in (ANN, BEN)
    assert str(refused).startswith(f"{stored.updated_by.removeprefix('person:')} has saved revision 2")
    again = await store.save_draft(made.id, 2, mine if stored.draft == theirs else theirs, ANN)
    assert next(one.draft for one in await store.read_history(made.id, 10)) == again.draft
    assert (await world.ledger.verify_ledger()).faults == ()


async def test_savings_of_one_person_replace_each_other_within_ten_minutes(world: World) -> None:
    """A chain of savings is one revision for ten minutes; others' savings, and restored revisions, replace nothing."""
    store = store_over(world)
    made = await store.create_campaign(BRAND, "Autumn", DRAFT, ANN)
    for number in range(1, 4):
        await store.save_draft(made.id, number, with_subject(DRAFT, f"try {number}"), ANN)
    assert [one.revision for one in await store.read_history(made.id, 10)] == [4]
    await world.pool.execute("UPDATE campaign_revisions SET began_at = began_at - interval '11 minutes'")
    await store.save_draft(made.id, 4, with_subject(DRAFT, "later"), ANN)
    await store.save_draft(made.id, 5, with_subject(DRAFT, "Ben's"), BEN)
    await store.save_draft(made.id, 6, with_subject(DRAFT, "Ann's"), ANN)
    assert [(one.revision, one.by) for one in await store.read_history(made.id, 10)] == [
        (7, ANN),
        (6, BEN),
        (5, ANN),
        (4, ANN),
    ]
    restored = await store.restore_revision(made.id, 7, 4, ANN)
    assert restored.draft == with_subject(DRAFT, "try 3")
    assert [one.revision for one in await store.read_history(made.id, 2)] == [8, 7]
    with pytest.raises(CampaignUnknown):
        await store.restore_revision(made.id, 8, 1, ANN)
    assert await store.find_revision(made.id, 1) is None


async def test_each_change_is_in_the_ledger_with_person_and_revision(world: World) -> None:
    """Creation, changes, copy and archive are entries; a saving without a change is none, and no revision."""
    store = store_over(world)
    made = await store.create_campaign(BRAND, "Autumn", DRAFT, ANN)
    assert (await store.save_draft(made.id, 1, DRAFT, ANN)).revision == 1
    await store_over(world, BEN).save_draft(made.id, 1, with_subject(DRAFT, "x"), BEN)
    copy = await store.duplicate_campaign(made.id, "Copy", ANN)
    await store.archive_campaign(made.id, ANN)
    await store.archive_campaign(made.id, ANN)
    await store.unarchive_campaign(made.id, ANN)
    assert await entries_of(world, made.id) == [
        ("campaign_created", ANN, ["revision:1"]),
        ("campaign_saved", BEN, ["revision:2"]),
        ("campaign_archived", ANN, ["revision:2"]),
        ("campaign_unarchived", ANN, ["revision:2"]),
    ]
    assert await entries_of(world, copy.id) == [("campaign_created", ANN, ["revision:1", f"copy_of:{made.id}"])]


async def add_manifest(world: World, campaign_id: UUID, state: str) -> UUID:
    """A manifest of a campaign in some state."""
    manifest_id = uuid4()
    await world.pool.execute(
        "INSERT INTO manifests (id, campaign_id, brand, revision, state, draft, templates, policy_version,"
        " requested_by, ready_at) VALUES ($1, $2, $3, 1, $4, '{}', '{}', '1', $5, now())",
        *(manifest_id, campaign_id, BRAND, state, BEN),
    )
    return manifest_id


@pytest.mark.parametrize("state", ["checking", "checked", "awaiting_release"])
@pytest.mark.parametrize("act", ["save", "archive", "rename"])
async def test_change_of_checked_campaign_outdates_its_manifest(world: World, state: str, act: str) -> None:
    """The campaign is a draft again, and its manifest cannot be released any more."""
    store = store_over(world)
    made = await store.create_campaign(BRAND, "Autumn", DRAFT, ANN)
    manifest_id = await add_manifest(world, made.id, "building" if state == "checking" else "ready")
    await world.pool.execute(
        "UPDATE campaigns SET state = $2, manifest_id = $3 WHERE id = $1", made.id, state, manifest_id
    )
    match act:
        case "save":
            changed = await store.save_draft(made.id, 1, with_subject(DRAFT, "x"), ANN)
        case "rename":
            changed = await store.save_draft(made.id, 1, DRAFT, ANN, "Winter")
        case _:
            changed = await store.archive_campaign(made.id, ANN)
    assert changed.manifest_id is None
    assert changed.state is (CampaignState.ARCHIVED if act == "archive" else CampaignState.DRAFT)
    assert await world.pool.fetchval("SELECT state FROM manifests WHERE id = $1", manifest_id) == "outdated"


async def test_released_campaign_is_not_changed(world: World) -> None:
    """Neither saved, restored, nor archived; and it can be copied, without its time of sending."""
    store = store_over(world)
    draft = CampaignDraft.model_validate({**DRAFT.model_dump(), "schedule": {"kind": "now", "over_hours": 3}})
    made = await store.create_campaign(BRAND, "Autumn", draft, ANN)
    manifest_id = await add_manifest(world, made.id, "released")
    await world.pool.execute(
        "UPDATE campaigns SET state = 'released', manifest_id = $2 WHERE id = $1", made.id, manifest_id
    )
    for change in (
        store.save_draft(made.id, 1, with_subject(DRAFT, "x"), ANN),
        store.restore_revision(made.id, 1, 1, ANN),
        store.archive_campaign(made.id, ANN),
    ):
        with pytest.raises(CampaignChangeRefused, match="copy it"):
            await change
    assert await world.pool.fetchval("SELECT state FROM manifests WHERE id = $1", manifest_id) == "released"
    assert (await store.duplicate_campaign(made.id, "Again", ANN)).draft == DRAFT


async def test_stage_of_released_campaign_is_that_of_its_mailings(world: World) -> None:
    """List and steps read the states of its mailings."""
    store = store_over(world)
    made = await store.create_campaign(BRAND, "Autumn", DRAFT, ANN)
    manifest_id = await add_manifest(world, made.id, "released")
    mailing_id = (await world.accept([person(1)], "newsletter")).mailing_id
    await world.pool.execute("INSERT INTO campaign_mailings VALUES ($1, $2, 'a', $3)", made.id, manifest_id, mailing_id)
    await world.pool.execute(
        "UPDATE campaigns SET state = 'released', manifest_id = $2 WHERE id = $1", made.id, manifest_id
    )
    found = await store.find_campaign(made.id)
    assert found is not None
    steps = await store.read_steps(found)
    assert (steps.requested_by, list(steps.mailings), list(steps.states)) == (BEN, [("a", mailing_id)], ["running"])
    assert steps.finished_at is None
    [listed] = (await store.list_campaigns(CampaignFilter(frozenset({BRAND})), 10)).campaigns
    assert listed.stage is CampaignStage.SENDING
    await world.pool.execute("UPDATE mailings SET finished_at = now() WHERE id = $1", mailing_id)
    assert (await store.read_steps(found)).finished_at is not None


async def test_list_by_brand_and_state_in_pages(world: World) -> None:
    """The last changed come first; each appears once, archived ones only if they are asked for."""
    store = store_over(world)
    made = [await store.create_campaign(BRAND, f"Number {number}", DRAFT, ANN) for number in range(5)]
    await store.create_campaign("peerstream", "Other", DRAFT, ANN)
    await store.archive_campaign(made[0].id, ANN)
    await store.save_draft(made[1].id, 1, with_subject(DRAFT, "x"), BEN)
    seen, place = list[str](), None
    while True:
        page = await store.list_campaigns(CampaignFilter(frozenset({BRAND}), after=place), 2)
        seen += [one.name for one in page.campaigns]
        if page.next is None:
            break
        place = CampaignListPlace.parse_place(str(page.next))
    assert seen == ["Number 1", "Number 4", "Number 3", "Number 2"]
    archived = await store.list_campaigns(CampaignFilter(frozenset({BRAND, "peerstream"}), CampaignState.ARCHIVED), 10)
    assert [one.name for one in archived.campaigns] == ["Number 0"]


async def test_unknown_campaign(world: World) -> None:
    """No act finds it."""
    store = store_over(world)
    assert await store.find_campaign(uuid4()) is None
    for change in (
        store.save_draft(uuid4(), 1, DRAFT, ANN),
        store.duplicate_campaign(uuid4(), "x", ANN),
        store.archive_campaign(uuid4(), ANN),
        store.unarchive_campaign(uuid4(), ANN),
        store.set_state(uuid4(), CampaignState.DRAFT, CampaignState.CHECKING, ANN),
    ):
        with pytest.raises(CampaignUnknown):
            await change


async def test_state_is_set_only_from_the_one_that_was_seen(world: World) -> None:
    """A second change of the same state is refused."""
    store = store_over(world)
    made = await store.create_campaign(BRAND, "Autumn", DRAFT, ANN)
    await store.set_state(made.id, CampaignState.DRAFT, CampaignState.CHECKING, ANN)
    with pytest.raises(CampaignChangedMeanwhile):
        await store.set_state(made.id, CampaignState.DRAFT, CampaignState.CHECKING, ANN)
