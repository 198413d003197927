"""A breach case after its release, for the tour of the console and its pictures: rows as the release makes them."""

from uuid import UUID

from mailer.policy.breach.draft import ELSEWHERE
from mailer.policy.breach.outcomes import PersonInPhase, count_outcomes
from mailer.ports.time_ordered_uuids import uuid7
from mailer.postgres.breach_cases import PostgresBreachCases
from mailer.rendering.campaign_templates import compile_campaign_template
from tests.breach_outcome_scenes import FACTS, draft_of, publish_notice, store_released_manifest
from tests.factories import BRAND, World, templates
from tests.released_campaigns import draft_of as campaign_draft

_MAILED = PersonInPhase(1, ELSEWHERE, "DE", "mail", "mail", False, "handed_over", "", "", "", "", "", False)
_LETTER = _MAILED._replace(
    place="US-CA", variant="us-ca", channel="letter", reason="no_address", state="diverted", notice_reason="no_address"
)
_PEOPLE = (
    (_MAILED, 18_204),
    (_MAILED._replace(place="GB"), 6_310),
    (_MAILED._replace(state="deferred"), 212),
    (_MAILED._replace(notice="open", notice_reason="mail_came_back"), 97),
    (_LETTER._replace(notice="done"), 2_140),
    (_LETTER._replace(notice="open", has_postal_address=True), 655),
    (_LETTER._replace(notice="open", note="letter_returned"), 41),
    (_MAILED._replace(state="suppressed", state_reason="under_13", place=""), 12),
)


def stored_templates() -> dict[str, list[str]]:
    """A template without values as a manifest keeps it: that of a campaign stands in for a notice."""
    files = templates().find_brand_files(BRAND)
    assert files is not None
    template = compile_campaign_template(files, "sample", campaign_draft(), "a", {}, "https://mail.example")
    return {ELSEWHERE: [template.version, template.source]}


async def add_case_after_release(world: World) -> UUID:
    """A case with a released phase of 27,671 people, counted two minutes ago, and a public notice with a gap."""
    store = PostgresBreachCases(world.pool, world.writers)
    case = await store.create_case(BRAND, "Backup of the mail database", FACTS, "person:Ada")
    people = sum(n for _, n in _PEOPLE)
    draft = draft_of("US-CA", public_days=90)
    await store.save_phase(case.id, 1, 1, draft, "person:Ada")
    await store_released_manifest(world, case, 1, draft, people, stored_templates(), uuid7())
    figures = count_outcomes([([line], n) for line, n in _PEOPLE], is_public=False)
    await world.pool.execute(
        "INSERT INTO breach_figures (case_id, figures, counted_at) VALUES ($1, $2, now() - interval '2 minutes')",
        *(case.id, figures.model_dump(mode="json")),
    )
    await publish_notice(world, case, draft)
    await world.pool.execute(
        "UPDATE public_notices SET seen_first_at = now() - interval '3 days', seen_last_at = now() WHERE case_id = $1",
        case.id,
    )
    await world.pool.execute(
        "INSERT INTO public_notice_gaps SELECT id, now() - interval '2 days', now() - interval '49 hours',"
        " now() - interval '47 hours' FROM public_notices WHERE case_id = $1",
        case.id,
    )
    return case.id
