"""The conditions of a campaign's steps: asking for a release, the release, and the sending of a test's rest. Pure."""

import hmac
from dataclasses import dataclass
from datetime import datetime

from mailer.policy.campaign_draft import CampaignDraft
from mailer.policy.campaign_manifest import MANIFEST_DAYS, REST
from mailer.policy.policy_file import Policy

CHECK_AGAIN = "check the campaign again"
_RELEASABLE = ("checked", "awaiting_release")


@dataclass(frozen=True, slots=True)
class StepFacts:
    """The facts on which a step of a campaign depends.

    Attributes:
        campaign_state, manifest_state: as they are stored.
        is_current: the manifest is of the campaign's last check, of the revision that the draft has now.
        hash: of the manifest; None until it is ready. ready_at: when it became ready.
        people_to_get_mail: by the manifest's sums.
        policy_version: of the check. is_asked: somebody has asked for the release.
    """

    campaign_state: str
    manifest_state: str
    is_current: bool
    hash: bytes | None
    ready_at: datetime | None
    people_to_get_mail: int
    policy_version: str
    is_asked: bool


def refusal_to_ask(facts: StepFacts, policy_version: str, now: datetime) -> str | None:
    """Returns why nobody can ask for the release of a campaign now, with what to do; None: somebody can."""
    if facts.manifest_state == "released":
        return "this campaign is released already; duplicate it to send it again"
    if facts.manifest_state in ("queued", "building"):
        return "the check is not finished; wait until its sums are shown"
    if facts.manifest_state == "failed":
        return f"the check has failed; correct what it names, and {CHECK_AGAIN}"
    if not facts.is_current or facts.manifest_state != "ready" or facts.campaign_state not in _RELEASABLE:
        return f"the campaign has changed since this check; {CHECK_AGAIN}"
    if facts.policy_version != policy_version:
        return f"the policy has changed since this check; {CHECK_AGAIN}"
    if facts.ready_at is None or now - facts.ready_at > MANIFEST_DAYS:
        return f"this check is older than {MANIFEST_DAYS.days} days; {CHECK_AGAIN}"
    if not facts.people_to_get_mail:
        return "nobody would get this campaign; choose another audience, or look why under the check's sums"
    return None


def refusal_to_release(facts: StepFacts, policy_version: str, seen_hash: bytes, now: datetime) -> str | None:
    """Returns why a manifest cannot be released, with what to do; None: it can.

    Args:
        facts: of the campaign and its manifest.
        policy_version: in force now.
        seen_hash: of the manifest that the person has seen.
        now: an aware datetime.
    """
    if refusal := refusal_to_ask(facts, policy_version, now):
        return refusal
    if facts.hash is None or not hmac.compare_digest(facts.hash, seen_hash):
        return "this is not the check that you have seen; look at the campaign again, then release it"
    if not facts.is_asked or facts.campaign_state != "awaiting_release":
        return "nobody has asked for the release of this campaign; ask for it first"
    return None


def refusal_to_send_rest(
    campaign_state: str, manifest_state: str, draft: CampaignDraft, variant: str, *, is_sent: bool, is_paused: bool
) -> str | None:
    """Returns why the rest of a test cannot be sent with a variant, with what to do; None: it can."""
    if manifest_state != "released" or campaign_state != "released":
        return "the rest is sent after the release of the campaign, unless it is cancelled"
    if draft.ab_test is None:
        return "this campaign has one variant, and no rest that waits"
    if variant == REST or variant not in draft.variants:
        return f"there is no such variant; choose one of {', '.join(sorted(draft.variants))}"
    if is_sent:
        return "the rest is sent already"
    if is_paused:
        return "this campaign is paused; resume it, then send the rest"
    return None


def is_second_person_needed(policy: Policy, category: str, people: int) -> bool:
    """Tells whether somebody else than writer and requester has to release a campaign.

    Args:
        policy: of the brand.
        category: of the campaign.
        people: in reach of it. Those whom only a cap keeps back count: the release lasts longer than the cap.
    """
    return people > policy.release_above or policy.get_category(category).needs_release
