"""Drafts of campaigns: what does not fit together is refused before it is stored."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from mailer.actions.campaign_checking import draft_problems
from mailer.policy.campaign_draft import CampaignDraft, LocalizedDraft
from tests.template_files import POLICIES

NOW = datetime(2026, 6, 1, tzinfo=UTC)
_LEAST = {"category": "newsletter", "purpose": "newsletter"}


def test_draft_survives_json() -> None:
    """A draft with blocks of each kind is the same after it was stored as JSON."""
    blocks = [
        {"type": "heading", "text": "Hello {{ first_name or 'there' }}"},
        {"type": "text", "markdown": "*Now*"},
        {"type": "html", "html": "<p>x</p>"},
        {"type": "picture", "picture": "0" * 32, "alt": "A room"},
        {"type": "button", "label": "Go", "href": "https://x.example/"},
        {"type": "articles", "articles": [{"title": "One"}]},
        {"type": "divider"},
        {"type": "columns", "first": [{"type": "divider"}], "second": []},
    ]
    draft = CampaignDraft.model_validate({**_LEAST, "variants": {"a": {"en": {"subject": "Hi", "blocks": blocks}}}})
    assert CampaignDraft.model_validate_json(draft.model_dump_json()) == draft
    assert len(draft.variants["a"]["en"].blocks) == 8


@pytest.mark.parametrize("block", [{"type": "html", "html": "a\0b"}, {"type": "text", "markdown": "a\0b"}])
def test_no_block_has_a_character_that_the_database_cannot_hold(block: dict[str, str]) -> None:
    """U+0000 is refused before it is stored, in HTML as in Markdown."""
    with pytest.raises(ValidationError, match="pattern"):
        LocalizedDraft.model_validate({"blocks": [block]})


@pytest.mark.parametrize(
    "wrong",
    [
        {"variants": {"b": {}}},
        {"variants": {"a": {}, "b": {}}},
        {"ab_test": {}},
        {"schedule": {"kind": "instant"}},
        {"schedule": {"kind": "instant", "at": "2026-12-01T10:00"}},
        {"schedule": {"kind": "local", "local": "2026-02-31T10:00"}},
        {"schedule": {"kind": "now", "over_hours": 100}},
        {"schedule": {"kind": "local", "local": "0001-01-01T00:00"}},
        {"schedule": {"kind": "local", "local": "9999-12-31T23:59"}},
        {"schedule": {"kind": "instant", "at": "0001-01-01T00:00:00+14:00"}},
        {"schedule": {"kind": "instant", "at": "9999-12-31T23:59:59-12:00"}},
        {"audience": "segment:NO SUCH"},
        {"variants": {"a": {"en": {"subject": "two\nlines"}}}},
        {"variants": {"a": {"en": {"blocks": [{"type": "script"}]}}}},
        {"unknown": 1},
    ],
)
def test_unfitting_drafts_are_refused(wrong: dict[str, object]) -> None:
    """A draft that contradicts itself, or has what nobody knows, is refused."""
    with pytest.raises(ValidationError):
        CampaignDraft.model_validate({**_LEAST, **wrong})


def test_a_flood_of_links_is_a_problem_before_it_is_compiled() -> None:
    """A draft of tens of thousands of links is told so; one of a few hundred is not."""
    for number, is_flooded in ((300, False), (20_000, True)):
        markdown = " ".join(["[a](x:)"] * min(number, 2_500))
        blocks = [{"type": "text", "markdown": markdown}] * max(number // 2_500, 1)
        draft = CampaignDraft.model_validate({**_LEAST, "variants": {"a": {"en": {"blocks": blocks}}}})
        found = [one for one in draft_problems(draft, POLICIES["interpals"], NOW) if "links" in one]
        assert bool(found) is is_flooded, number
