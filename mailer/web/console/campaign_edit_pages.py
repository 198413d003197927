"""The editor of a draft. Each button of its one form stores the whole draft; nothing that was typed is lost."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from mailer.policy.campaign_differences import FieldDifference, compare_drafts
from mailer.policy.campaign_draft import MOST_BLOCKS, VARIANT_NAMES, AbMetric, CampaignDraft, VariantName
from mailer.policy.campaign_gaps import campaign_categories, grid_of_texts
from mailer.policy.campaign_languages import (
    DraftChangeRefused,
    add_language,
    add_variant,
    parse_language,
    remove_language,
    remove_variant,
)
from mailer.policy.campaign_stages import refusal_to_change_draft
from mailer.policy.policy_file import Policy
from mailer.policy.staff_rights import StaffRight
from mailer.ports.campaigns import Campaign, CampaignChangedMeanwhile, CampaignChangeRefused
from mailer.ports.pictures import PictureFacts
from mailer.web.console.access_gates import ConsoleRequest
from mailer.web.console.campaign_access import (
    CAMPAIGNS,
    CampaignWriter,
    campaign_store,
    path_of_campaign,
    require_campaign,
)
from mailer.web.console.campaign_form import (
    BLOCK_KINDS,
    INNER_KINDS,
    MOST_SHOWN,
    ActionRefused,
    FieldFault,
    change_blocks,
    one_line,
    read_typed_text,
    typed_text_of_draft,
)
from mailer.web.console.campaign_settings_form import (
    MAX_NAME,
    TypedDraft,
    build_draft,
    read_typed_settings,
    settings_of_draft,
)
from mailer.web.console.console_pages import console_fragment, console_page, redirect_within_console

router = APIRouter(include_in_schema=False)
EDIT = f"{CAMPAIGNS}/{{campaign_id}}/edit"
_MOST_PICTURES = 200
_BLOCK_VERBS = ("add", "up", "down", "remove")
Texts = Annotated[tuple[str, ...], Query(max_length=MOST_SHOWN)]


@dataclass(frozen=True, slots=True)
class EditorAnswer:
    """The faults and problems that the editor shows beside the typed draft.

    Attributes:
        faults: of the fields.
        problem: a sentence about the whole draft.
        differences: between what somebody else has stored and what was typed.
        status: of the answer.
    """

    faults: Sequence[FieldFault] = field(default_factory=list)
    problem: str | None = None
    differences: Sequence[FieldDifference] = field(default_factory=list)
    status: int = 200


@router.get(EDIT)
async def show_editor(campaign_id: UUID, request: CampaignWriter, text: Texts = ()) -> Response:
    """Shows the draft: its settings, and one or two of its texts. A text is named VARIANT@LANGUAGE."""
    campaign = await require_campaign(request, campaign_id, StaffRight.CAMPAIGNS_WRITE)
    if refusal_to_change_draft(campaign.state):
        return redirect_within_console(request.console, path_of_campaign(campaign))
    texts = [
        typed_text_of_draft(variant, locale, campaign.draft.variants[variant][locale])
        for variant, locale in _shown_places(campaign.draft, text)
    ]
    typed = TypedDraft(campaign.name, settings_of_draft(campaign.draft), texts)
    return await _editor_page(request, campaign, typed, EditorAnswer())


@router.post(EDIT)
async def save_draft(campaign_id: UUID, request: CampaignWriter) -> Response:
    """Does what the pressed button says with the typed draft, and stores it."""
    campaign = await require_campaign(request, campaign_id, StaffRight.CAMPAIGNS_WRITE)
    action = one_line(request.form, "do") or "save"
    typed, revision, where = _read_typed_draft(request, campaign), _read_revision(request), ""
    try:
        if action.partition("@")[0] in _BLOCK_VERBS:
            pictures = await _newest_pictures(request, campaign)
            texts, where = change_blocks(typed.texts, action, pictures[0].id if pictures else None)
            typed = TypedDraft(typed.name, typed.settings, texts)
        draft, faults = build_draft(typed, campaign.draft, request.console.operations.policies[campaign.brand])
        if draft is None:
            return await _answer(request, campaign, typed, action, EditorAnswer(faults, status=422))
        shown = [f"{text.variant}@{text.locale}" for text in typed.texts]
        draft, shown = _change_languages(request, draft, action, shown)
    except (ActionRefused, DraftChangeRefused) as refusal:
        return await _answer(request, campaign, typed, action, EditorAnswer(problem=str(refusal), status=422))
    return await _store_draft(request, campaign, typed, draft, revision, action, _query_of(shown, where))


async def _store_draft(
    request: ConsoleRequest,
    campaign: Campaign,
    typed: TypedDraft,
    draft: CampaignDraft,
    revision: int,
    action: str,
    query: str,
) -> Response:
    """Stores a draft and leads on; or shows the form with what was typed, and why it was not stored."""
    store = campaign_store(request, campaign.brand)
    try:
        saved = await store.save_draft(campaign.id, revision, draft, str(request.member.identity), typed.name)
    except CampaignChangeRefused as refusal:
        return await _answer(request, campaign, typed, action, EditorAnswer(problem=str(refusal), status=409))
    except CampaignChangedMeanwhile as conflict:
        current = conflict.current
        if (current.draft, current.name) != (draft, typed.name):
            mine, _ = build_draft(typed, current.draft, request.console.operations.policies[campaign.brand])
            differences = compare_drafts(current.draft, mine or draft)
            answer = EditorAnswer(problem=str(conflict), differences=differences, status=409)
            return await _answer(request, current, typed, action, answer)
        saved = current
    if action == "autosave":
        return console_fragment(request, "campaign_saved.html.j2", campaign=saved)
    path = path_of_campaign(saved)
    return redirect_within_console(request.console, f"{path}/{'preview' if action == 'preview' else 'edit'}{query}")


def _read_typed_draft(request: ConsoleRequest, campaign: Campaign) -> TypedDraft:
    form = request.form
    texts = [
        read_typed_text(form, f"t{number}", variant, locale)
        for number, name in enumerate(form.get("shown", [])[:MOST_SHOWN])
        for variant, locale in [_place_or_404(name)]
    ]
    settings = read_typed_settings(form, campaign.draft)
    return TypedDraft(one_line(form, "name"), settings, texts)


def _read_revision(request: ConsoleRequest) -> int:
    text = one_line(request.form, "revision")
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise HTTPException(422, "page_bad")
    return int(text)


def _place_or_404(name: str) -> tuple[VariantName, str]:
    """Returns the variant and the language of a text's name."""
    typed, _, locale = name.partition("@")
    variant = next((one for one in VARIANT_NAMES if one == typed), None)
    if variant is None:
        raise HTTPException(404, "page_bad")
    try:
        return variant, parse_language(locale)
    except DraftChangeRefused:
        raise HTTPException(404, "page_bad") from None


def _shown_places(draft: CampaignDraft, names: Sequence[str]) -> list[tuple[VariantName, str]]:
    """Returns the texts to show: those that are named and exist; else the first one."""
    places = dict.fromkeys(_place_or_404(name) for name in names[:MOST_SHOWN])
    there = [(variant, locale) for variant, locale in places if locale in draft.variants.get(variant, {})]
    every = [(variant, locale) for variant, texts in sorted(draft.variants.items()) for locale in sorted(texts)]
    return there or every[:1]


def _change_languages(
    request: ConsoleRequest, draft: CampaignDraft, action: str, shown: list[str]
) -> tuple[CampaignDraft, list[str]]:
    """Returns the draft after a button of languages and variants, and the names of the texts to show then."""
    verb, _, what = action.partition("@")
    match verb:
        case "open":
            return draft, [what]
        case "beside":
            return draft, [*shown[:1], what]
        case "add-language":
            locale = parse_language(one_line(request.form, "new_language"))
            copied = one_line(request.form, "copied_language") or None
            return add_language(draft, locale, copied), [*shown[:1], f"a@{locale}"]
        case "remove-language":
            return remove_language(draft, what), [name for name in shown if not name.endswith(f"@{what}")]
        case "add-variant":
            return add_variant(draft), shown
        case "remove-variant":
            return remove_variant(draft, what), [name for name in shown if name.startswith("a@")]
        case _:
            return draft, shown


def _query_of(shown: Sequence[str], where: str) -> str:
    query = "&".join(f"text={quote(name, safe='@')}" for name in shown)
    return f"{f'?{query}' if query else ''}{f'#{where}' if where else ''}"


async def _newest_pictures(request: ConsoleRequest, campaign: Campaign) -> Sequence[PictureFacts]:
    stores = request.open_stores(StaffRight.CAMPAIGNS_WRITE, [campaign.brand])
    return await stores.pictures.list_pictures(campaign.brand, before=None, limit=_MOST_PICTURES)


async def _answer(
    request: ConsoleRequest, campaign: Campaign, typed: TypedDraft, action: str, answer: EditorAnswer
) -> Response:
    """Returns the form again with what was typed; to the script, one line."""
    if action == "autosave":
        return console_fragment(request, "campaign_saved.html.j2", answer.status, campaign=None, answer=answer)
    return await _editor_page(request, campaign, typed, answer)


async def _editor_page(
    request: ConsoleRequest, campaign: Campaign, typed: TypedDraft, answer: EditorAnswer
) -> Response:
    policy: Policy = request.console.operations.policies[campaign.brand]
    return console_page(
        request,
        "campaign_edit.html.j2",
        answer.status,
        problem=answer.problem,
        campaign=campaign,
        path=path_of_campaign(campaign),
        typed=typed,
        faults=answer.faults,
        fault_of={one.field: one.text for one in reversed(answer.faults)},
        differences=answer.differences,
        grid=grid_of_texts(campaign.draft),
        shown=[f"{text.variant}@{text.locale}" for text in typed.texts],
        audiences=await campaign_store(request, None).read_audiences(campaign.brand),
        pictures=await _newest_pictures(request, campaign),
        policy=policy,
        categories=campaign_categories(policy),
        metrics=list(AbMetric),
        kinds=BLOCK_KINDS,
        inner_kinds=INNER_KINDS,
        longest_name=MAX_NAME,
        most_blocks=MOST_BLOCKS,
    )
