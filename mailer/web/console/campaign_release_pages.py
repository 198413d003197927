"""The page of a campaign's release: everything that the releaser must see, and the button."""

from typing import Annotated, Any, NamedTuple
from uuid import UUID

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from mailer.policy.campaign_release import is_second_person_needed
from mailer.policy.publisher_and_staff_identity import identity_or_none
from mailer.policy.staff_rights import StaffRight, has_staff_right
from mailer.ports.campaigns import Campaign
from mailer.ports.mailings import ReleaseRefused
from mailer.ports.manifests import Manifest, ManifestRefused
from mailer.web.console.access_gates import ConsoleRequest, GateKind, StaffGate
from mailer.web.console.campaign_access import CAMPAIGNS, CampaignReader, path_of_campaign, require_campaign
from mailer.web.console.campaign_check_pages import find_current_manifest, open_manifests, sums_values
from mailer.web.console.console_pages import console_page, redirect_within_console

router = APIRouter(include_in_schema=False)
CampaignReleasing = Annotated[ConsoleRequest, Depends(StaffGate(GateKind.RIGHT, StaffRight.CAMPAIGNS_RELEASE))]


class SumChange(NamedTuple):
    """The people with one result and reason, in the check before and in this one."""

    result: str
    reason: str
    before: int
    now: int


@router.get(f"{CAMPAIGNS}/{{campaign_id}}/release")
async def show_release(campaign_id: UUID, request: CampaignReader) -> Response:
    """Shows what a release would send, and to how many."""
    return await _release_page(request, await require_campaign(request, campaign_id))


@router.post(f"{CAMPAIGNS}/{{campaign_id}}/release")
async def release_campaign(campaign_id: UUID, request: CampaignReleasing) -> Response:
    """Releases the campaign as it was seen: the form names the manifest and its hash."""
    campaign = await require_campaign(request, campaign_id, StaffRight.CAMPAIGNS_RELEASE)
    try:
        manifest_id, seen = UUID(request.field("manifest")), bytes.fromhex(request.field("hash"))
    except ValueError:
        return await _release_page(request, campaign, "release_form")
    manifest = await open_manifests(request, None).find_manifest(manifest_id)
    if manifest is None or manifest.campaign_id != campaign.id:
        return await _release_page(request, campaign, "release_form")
    releases = request.open_stores(StaffRight.CAMPAIGNS_RELEASE, [campaign.brand]).releases
    try:
        await releases.release_manifest(manifest_id, seen, request.member.identity)
    except (ManifestRefused, ReleaseRefused) as refusal:
        return await _release_page(request, campaign, problem=str(refusal))
    return redirect_within_console(request.console, f"{path_of_campaign(campaign)}/sending")


def changes_of_sums(before: Manifest | None, now: Manifest) -> list[SumChange]:
    """Returns the figures that differ from those of the check before; none if there was no check before."""
    if before is None:
        return []
    old = {(one.result.value, one.reason): one.people for one in before.sums}
    new = {(one.result.value, one.reason): one.people for one in now.sums}
    keys = sorted(old.keys() | new.keys())
    return [SumChange(*key, old.get(key, 0), new.get(key, 0)) for key in keys if old.get(key, 0) != new.get(key, 0)]


async def _release_page(
    request: ConsoleRequest, campaign: Campaign, error: str | None = None, *, problem: str | None = None
) -> Response:
    manifest = await find_current_manifest(request, campaign)
    return console_page(
        request,
        "sending_release.html.j2",
        409 if error or problem else 200,
        error,
        problem=problem,
        **sums_values(campaign, manifest),
        **await _release_values(request, campaign, manifest),
        may_schedule=has_staff_right(request.member, StaffRight.CAMPAIGNS_SCHEDULE, campaign.brand),
        may_release=has_staff_right(request.member, StaffRight.CAMPAIGNS_RELEASE, campaign.brand),
    )


async def _release_values(request: ConsoleRequest, campaign: Campaign, manifest: Manifest | None) -> dict[str, Any]:
    if manifest is None:
        return {"before": None, "changes": [], "is_second_needed": False, "is_own": False}
    store = open_manifests(request, None)
    before = await store.find_former_manifest(manifest)
    policy, authors = request.console.operations.policies[campaign.brand], await store.list_authors(manifest.id)
    needed = is_second_person_needed(policy, manifest.draft.category, manifest.people_in_reach)
    return {
        "before": before,
        "changes": changes_of_sums(before, manifest),
        "is_second_needed": needed,
        "is_own": needed and any(identity_or_none(by) == request.member.identity for by, _ in authors),
    }
