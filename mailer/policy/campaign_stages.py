"""The stages of a campaign as people see them: its own state, and from its release on the states of its mailings."""

from collections.abc import Collection
from enum import StrEnum
from typing import Final


class CampaignState(StrEnum):
    """The states of a campaign that are stored."""

    DRAFT = "draft"
    CHECKING = "checking"
    CHECKED = "checked"
    AWAITING_RELEASE = "awaiting_release"
    RELEASED = "released"
    CANCELLED = "cancelled"
    ARCHIVED = "archived"


class CampaignStage(StrEnum):
    """The stages that are shown."""

    DRAFT = "draft"
    CHECKING = "checking"
    CHECKED = "checked"
    AWAITING_RELEASE = "awaiting_release"
    RELEASED = "released"
    SENDING = "sending"
    PAUSED = "paused"
    DONE = "done"
    CANCELLED = "cancelled"
    ARCHIVED = "archived"


CHANGEABLE_STATES: Final = frozenset(
    {CampaignState.DRAFT, CampaignState.CHECKING, CampaignState.CHECKED, CampaignState.AWAITING_RELEASE}
)
"""The states in which a draft may be changed. A change leads back to `draft`."""
STAGE_LINE: Final = (
    *(CampaignStage.DRAFT, CampaignStage.CHECKED, CampaignStage.AWAITING_RELEASE, CampaignStage.RELEASED),
    *(CampaignStage.SENDING, CampaignStage.DONE),
)
"""The stages of a campaign to which nothing happens, in their order."""
_OVER: Final = frozenset({"finished", "cancelled", "ended"})


def stage_of_campaign(state: CampaignState, mailing_states: Collection[str] = ()) -> CampaignStage:
    """Returns the stage of a campaign.

    Args:
        state: of the campaign.
        mailing_states: the states of its mailings (`MailingStatus.state`); empty before its release.
    """
    if state is not CampaignState.RELEASED or not mailing_states:
        return CampaignStage(state)
    states = set(mailing_states)
    if "paused" in states:
        return CampaignStage.PAUSED
    if states <= _OVER:
        return CampaignStage.DONE if "finished" in states else CampaignStage.CANCELLED
    return CampaignStage.SENDING if states & {"running", "finished"} else CampaignStage.RELEASED


def refusal_to_change_draft(state: CampaignState) -> str | None:
    """Returns the reason for which a draft may not be changed, and the remedy; None if it may."""
    if state in CHANGEABLE_STATES:
        return None
    if state is CampaignState.ARCHIVED:
        return "the campaign is archived: take it out of the archive first"
    return f"the campaign is {state}, and nothing of it can be changed: copy it, and change the copy"
