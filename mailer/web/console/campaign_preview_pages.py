"""The preview of a draft: the engine's own message in a frame in which nothing runs, loads or is sent."""

from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Annotated, Literal, get_args
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from mailer.actions.campaign_rendering import UnrenderableDraft
from mailer.actions.people_look_up import LookUpRefused, has_looked_person_up, look_people_up, person_with_ref
from mailer.policy.campaign_draft import VARIANT_NAMES, VariantName
from mailer.policy.campaign_gaps import locales_of_draft
from mailer.policy.staff_rights import StaffRight
from mailer.ports.campaigns import Campaign
from mailer.ports.time_ordered_uuids import uuid7
from mailer.rendering.campaign_fields import fields_used
from mailer.rendering.campaign_samples import (
    MADE_UP_ADDRESS,
    SamplePerson,
    made_up_person,
    parts_of_message,
)
from mailer.web.console.access_gates import ConsoleRequest
from mailer.web.console.campaign_access import (
    CAMPAIGNS,
    CampaignWriter,
    campaign_store,
    path_of_campaign,
    require_campaign,
)
from mailer.web.console.console_pages import console_page, redirect_within_console
from mailer.web.console.people_pages import MAX_TYPED, build_person_access_by_right
from mailer.web.console.preview_frames import as_in_dark_mode, frame_body, page_of_text

router = APIRouter(include_in_schema=False)
PREVIEW = f"{CAMPAIGNS}/{{campaign_id}}/preview"
View = Literal["desktop", "phone", "dark", "text", "source"]
VIEWS: tuple[View, ...] = get_args(View)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The choice of a preview.

    Attributes:
        person: the number of a real person; 0: a made-up one.
        lacks_values: the made-up person has neither name nor attributes.
    """

    variant: VariantName
    locale: str
    view: View
    person: int
    lacks_values: bool

    @property
    def query(self) -> str:
        """The choice as the query of a URL."""
        lacks = "&lacks=yes" if self.lacks_values else ""
        return f"variant={self.variant}&locale={self.locale}&view={self.view}&person={self.person}{lacks}"


Text = Annotated[str, Query(max_length=40)]
Person = Annotated[int, Query(ge=0, lt=2**63)]


@router.get(PREVIEW)
async def show_preview(
    campaign_id: UUID,
    request: CampaignWriter,
    variant: Text = "a",
    locale: Text = "",
    view: Text = "desktop",
    person: Person = 0,
    lacks: Text = "",
) -> Response:
    """Shows the form of the choice, and the message in a frame."""
    campaign = await require_campaign(request, campaign_id, StaffRight.CAMPAIGNS_WRITE)
    chosen = _choice_or_404(campaign, variant, locale, view, person, lacks)
    return await _preview_page(request, campaign, chosen)


@router.post(PREVIEW)
async def look_person_up(campaign_id: UUID, request: CampaignWriter) -> Response:
    """Records that the draft is looked at for a real person, and why; then shows it."""
    campaign = await require_campaign(request, campaign_id, StaffRight.CAMPAIGNS_WRITE)
    chosen = _choice_or_404(campaign, request.field("variant"), request.field("locale"), "desktop", 0, "")
    access = build_person_access_by_right(request, StaffRight.CAMPAIGNS_WRITE, [campaign.brand])
    ref = request.field("ref", MAX_TYPED)
    try:
        found = await look_people_up(request.console.people, [campaign.brand], ref, access)
    except LookUpRefused as refusal:
        return await _preview_page(request, campaign, chosen, str(refusal))
    known = person_with_ref(found, ref)
    if known is None:
        return await _preview_page(
            request, campaign, chosen, "ref: names nobody, or several people; name the exact ref"
        )
    query = f"variant={chosen.variant}&locale={chosen.locale}&person={known.id}"
    return redirect_within_console(request.console, f"{path_of_campaign(campaign)}/preview?{query}")


@router.get(f"{PREVIEW}-body")
async def show_preview_body(
    campaign_id: UUID,
    request: CampaignWriter,
    variant: Text = "a",
    locale: Text = "",
    view: Text = "desktop",
    person: Person = 0,
    lacks: Text = "",
) -> Response:
    """Returns the message for the frame: the engine's HTML, its text, or its source."""
    campaign = await require_campaign(request, campaign_id, StaffRight.CAMPAIGNS_WRITE)
    chosen = _choice_or_404(campaign, variant, locale, view, person, lacks)
    try:
        content = await _render(request, campaign, chosen)
    except UnrenderableDraft as faults:
        items = "".join(f"<li>{escape(one)}</li>" for one in faults.faults)
        return frame_body(page_of_text(f"<h1>It cannot be shown yet</h1><ul>{items}</ul>"), 422)
    parts = parts_of_message(content)
    match chosen.view:
        case "text":
            return frame_body(page_of_text(f"<pre>{escape(parts.text)}</pre>"))
        case "source":
            return frame_body(page_of_text(f"<pre>{escape(content.decode('utf-8', 'replace'))}</pre>"))
        case "dark":
            return frame_body(as_in_dark_mode(parts.html))
        case _:
            return frame_body(parts.html)


def _choice_or_404(campaign: Campaign, variant: str, locale: str, view: str, person: int, lacks: str) -> Chosen:
    """Returns the choice; the first language of the draft if none is chosen."""
    named = next((one for one in VARIANT_NAMES if one == variant and one in campaign.draft.variants), None)
    shown = next((one for one in VIEWS if one == view), None)
    known = locales_of_draft(campaign.draft)
    chosen = locale or (known[0] if known else "")
    if named is None or shown is None or (chosen not in known and chosen):
        raise HTTPException(404, "page_bad")
    return Chosen(named, chosen, shown, person, bool(lacks))


async def _render(request: ConsoleRequest, campaign: Campaign, chosen: Chosen) -> bytes:
    """Renders the message of a choice.

    Raises:
        UnrenderableDraft: it cannot be rendered.
        HTTPException: 404: the person was not looked up, or is gone.
    """
    if chosen.person:
        reader = await _real_person(request, campaign, chosen)
    else:
        policy = request.console.operations.policies[campaign.brand]
        reader = made_up_person(policy, chosen.locale, lacks_values=chosen.lacks_values)
    rendered = await request.console.operations.campaign_renderer.render_draft(
        campaign.brand, campaign.id, campaign.draft, chosen.variant, reader, uuid7(), datetime.now(UTC)
    )
    return rendered.outgoing.content


async def _real_person(request: ConsoleRequest, campaign: Campaign, chosen: Chosen) -> SamplePerson:
    """Returns a real reader whom the person has looked up here lately, with the values that the texts print."""
    people, brand = request.console.people, campaign.brand
    if not await has_looked_person_up(people, brand, chosen.person, request.member.identity):
        raise HTTPException(404, "recipient_unknown")
    found = await people.directory.find_recipient_by_id(brand, chosen.person)
    standing = await people.standings.get_standing(brand, chosen.person)
    if found is None or standing is None or standing.erased:
        raise HTTPException(404, "recipient_unknown")
    used = sorted(fields_used(campaign.draft))
    values = await campaign_store(request, None).read_attributes(brand, chosen.person, used)
    return SamplePerson(MADE_UP_ADDRESS, found.locale or chosen.locale, found.name, found.country, values, standing)


async def _preview_page(
    request: ConsoleRequest, campaign: Campaign, chosen: Chosen, problem: str | None = None
) -> Response:
    subject, faults = "", tuple[str, ...]()
    try:
        subject = parts_of_message(await _render(request, campaign, chosen)).subject
    except UnrenderableDraft as error:
        faults = error.faults
    return console_page(
        request,
        "campaign_preview.html.j2",
        422 if problem else 200,
        problem=problem,
        campaign=campaign,
        path=path_of_campaign(campaign),
        chosen=chosen,
        subject=subject,
        faults=faults,
        locales=locales_of_draft(campaign.draft),
        views=VIEWS,
    )
