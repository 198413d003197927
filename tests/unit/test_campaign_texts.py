"""The pure parts of drafts: stages, differences, and what is missing."""

import pytest

from mailer.policy.campaign_differences import ChangedLine, compare_drafts
from mailer.policy.campaign_draft import CampaignDraft
from mailer.policy.campaign_gaps import campaign_categories, grid_of_texts, missing_parts
from mailer.policy.campaign_stages import CampaignStage, CampaignState, refusal_to_change_draft, stage_of_campaign
from tests.factories import policies

_LEAST = {"category": "newsletter", "purpose": "newsletter"}
TEST = {"share_percent": 20}


def draft_with(variants: dict[str, object], **values: object) -> CampaignDraft:
    """A draft with some texts."""
    return CampaignDraft.model_validate({**_LEAST, **values, "variants": variants})


@pytest.mark.parametrize(
    ("state", "mailings", "stage"),
    [
        ("draft", ["running"], CampaignStage.DRAFT),
        ("awaiting_release", [], CampaignStage.AWAITING_RELEASE),
        ("released", [], CampaignStage.RELEASED),
        ("released", ["scheduled", "scheduled"], CampaignStage.RELEASED),
        ("released", ["running", "scheduled"], CampaignStage.SENDING),
        ("released", ["finished", "scheduled"], CampaignStage.SENDING),
        ("released", ["running", "paused"], CampaignStage.PAUSED),
        ("released", ["finished", "cancelled"], CampaignStage.DONE),
        ("released", ["cancelled", "ended"], CampaignStage.CANCELLED),
    ],
)
def test_stage_follows_mailings(state: str, mailings: list[str], stage: CampaignStage) -> None:
    """A released campaign is where its mailings are; one that is not released has a stage of its own."""
    assert stage_of_campaign(CampaignState(state), mailings) is stage


def test_released_campaign_is_copied_instead() -> None:
    """The refusal says what to do."""
    assert refusal_to_change_draft(CampaignState.CHECKED) is None
    assert "copy it" in str(refusal_to_change_draft(CampaignState.RELEASED))
    assert "out of the archive" in str(refusal_to_change_draft(CampaignState.ARCHIVED))


def test_differences_are_by_field_and_line() -> None:
    """A changed line of a text block is shown between its neighbours, and a setting by its name."""
    text = {"type": "text", "markdown": "one\ntwo\nthree"}
    before = draft_with({"a": {"en": {"subject": "Hi", "blocks": [text]}}})
    after = draft_with(
        {"a": {"en": {"subject": "Hi", "blocks": [{**text, "markdown": "one\n2\nthree"}]}, "de": {"subject": "Hallo"}}},
        audience="members",
    )
    found = {(one.variant, one.locale, one.field): one.lines for one in compare_drafts(before, after)}
    assert found["", "", "audience"] == (ChangedLine("removed", "everyone"), ChangedLine("added", "members"))
    assert found["a", "en", "content"] == (
        ChangedLine("same", "[text]"),
        ChangedLine("same", "one"),
        ChangedLine("removed", "two"),
        ChangedLine("added", "2"),
        ChangedLine("same", "three"),
    )
    assert found["a", "de", "subject"] == (ChangedLine("added", "Hallo"),)
    assert ("a", "en", "subject") not in found
    assert compare_drafts(after, after) == []


def test_differences_of_each_block() -> None:
    """A change in any kind of block is a difference, also within columns and articles."""
    blocks: list[dict[str, object]] = [
        {"type": "heading", "text": "A"},
        {"type": "html", "html": "A"},
        {"type": "picture", "picture": "a" * 32},
        {"type": "button", "label": "A", "href": "https://x.example/"},
        {"type": "articles", "articles": [{"title": "A", "picture": "a" * 32}]},
        {"type": "columns", "first": [{"type": "heading", "text": "A"}], "second": []},
    ]
    changed = str(blocks).replace("'A'", "'B'").replace("a" * 32, "b" * 32)
    assert changed.count("B") == 5
    for block in blocks:
        other = eval(str(block).replace("'A'", "'B'").replace("a" * 32, "b" * 32))  # noqa: S307 - of this test
        one, two = (draft_with({"a": {"en": {"blocks": [each]}}}) for each in (block, other))
        assert [each.field for each in compare_drafts(one, two)] == ["content"], block


def test_each_language_is_needed_in_each_variant() -> None:
    """A language that one variant has is missing in the other; an empty preheader is no reason not to go on."""
    full = {"subject": "Hi", "blocks": [{"type": "divider"}]}
    draft = draft_with({"a": {"en": full, "de": {**full, "subject": " "}}, "b": {"en": full}}, ab_test=TEST)
    assert [[(one.locale, one.variant) for one in row] for row in grid_of_texts(draft)] == [
        [("de", "a"), ("de", "b")],
        [("en", "a"), ("en", "b")],
    ]
    missing = [(one.variant, one.locale, set(one.gaps) - {"preheader"}) for one in missing_parts(draft)]
    assert missing == [("a", "de", {"subject"}), ("b", "de", {"subject", "content"})]
    assert [one.variant for one in missing_parts(draft_with({"a": {}}))] == ["a"]


def test_marketing_borrows_no_mandatory_category() -> None:
    """Optional categories and `service` can be chosen; neither mail of the account, nor what the law asks for."""
    for policy in policies().values():
        chosen = campaign_categories(policy)
        mandatory = {name for name in chosen if policy.categories[name].mandatory}
        assert mandatory <= {"service"}
        assert not {"account", "breach", "rights", "policy_change", "business_transition", "invitation"} & set(chosen)
