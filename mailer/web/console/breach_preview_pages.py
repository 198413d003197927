"""The preview of a notice as mail, letter, public notice and telephone script, in a frame in which nothing runs."""

from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Annotated, Final, Literal, get_args
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from mailer.actions.breach_rendering import BreachRenderer, PhaseToRender
from mailer.actions.campaign_rendering import UnrenderableDraft
from mailer.policy.breach.rules import breach_rules_of_policy, required_parts
from mailer.policy.staff_rights import StaffRight
from mailer.ports.breach_cases import BreachCase, BreachPhase
from mailer.ports.time_ordered_uuids import uuid7
from mailer.rendering.breach_content import headings_of_language, notice_content, telephone_script
from mailer.rendering.campaign_fields import DraftTextRefused
from mailer.rendering.campaign_samples import MADE_UP_ADDRESS, MessageParts, SamplePerson, parts_of_message
from mailer.rendering.languages import is_left_to_right
from mailer.rendering.letter_html import html_of_content
from mailer.web.console.access_gates import ConsoleRequest, GateKind, StaffGate
from mailer.web.console.breach_access import path_of_breach, policy_of_breach
from mailer.web.console.breach_text_pages import ONE_PHASE, Number, path_of_phase, require_phase
from mailer.web.console.breach_text_view import names_of_texts
from mailer.web.console.console_pages import console_page
from mailer.web.console.preview_frames import as_in_dark_mode, frame_body, page_of_text

NoticeReader = Annotated[ConsoleRequest, Depends(StaffGate(GateKind.RIGHT, StaffRight.BREACH_RELEASE))]
"""Whoever may release a notice has to see it; writers have that right too."""
router = APIRouter(include_in_schema=False)
View = Literal["desktop", "phone", "dark", "text", "source", "letter", "web", "script"]
VIEWS: Final[tuple[View, ...]] = get_args(View)
_OF_MAIL: Final = frozenset({"desktop", "phone", "dark", "text", "source"})
_SAMPLE_NAME: Final = "Ada Lovelace"
Text = Annotated[str, Query(max_length=80)]


@dataclass(frozen=True, slots=True)
class ChosenNotice:
    """The choice of a preview: a text by variant and language, and how it is looked at."""

    variant: str
    locale: str
    view: View

    @property
    def name(self) -> str:
        """The name of the text, such as `us-ca@en`."""
        return f"{self.variant}@{self.locale}"


@router.get(f"{ONE_PHASE}/preview")
async def show_notice_preview(
    case_id: UUID, phase: Number, request: NoticeReader, text: Text = "", view: Text = "desktop"
) -> Response:
    """Shows the form of the choice, and the notice in a frame."""
    case, found = await require_phase(request, case_id, phase, StaffRight.BREACH_RELEASE)
    chosen = _choice_or_404(found, text, view)
    faults = tuple[str, ...]()
    try:
        if chosen:
            await _page_of_choice(request, case, found, chosen)
    except UnrenderableDraft as error:
        faults = error.faults
    return console_page(
        request,
        "breach_preview.html.j2",
        case=case,
        case_path=path_of_breach(case),
        path=path_of_phase(found),
        chosen=chosen,
        names=names_of_texts(found.draft),
        views=VIEWS,
        faults=faults,
    )


@router.get(f"{ONE_PHASE}/preview-body")
async def show_notice_body(
    case_id: UUID, phase: Number, request: NoticeReader, text: Text = "", view: Text = "desktop"
) -> Response:
    """Returns the notice for the frame."""
    case, found = await require_phase(request, case_id, phase, StaffRight.BREACH_RELEASE)
    chosen = _choice_or_404(found, text, view)
    if chosen is None:
        raise HTTPException(404, "page_bad")
    try:
        return frame_body(await _page_of_choice(request, case, found, chosen))
    except UnrenderableDraft as faults:
        items = "".join(f"<li>{escape(one)}</li>" for one in faults.faults)
        return frame_body(page_of_text(f"<h1>It cannot be shown yet</h1><ul>{items}</ul>"), 422)


def _choice_or_404(phase: BreachPhase, text: str, view: str) -> ChosenNotice | None:
    """Returns the choice; the first text if none is chosen, and None if there is none at all."""
    names, shown = names_of_texts(phase.draft), next((one for one in VIEWS if one == view), None)
    if shown is None or (text and text not in names):
        raise HTTPException(404, "page_bad")
    if not names:
        return None
    variant, _, locale = (text or names[0]).partition("@")
    return ChosenNotice(variant, locale, shown)


async def _page_of_choice(request: ConsoleRequest, case: BreachCase, phase: BreachPhase, chosen: ChosenNotice) -> str:
    """Returns the page for the frame.

    Raises:
        UnrenderableDraft: the text cannot be shown so.
    """
    if chosen.view not in _OF_MAIL:
        return _page_of_words(request, case, phase, chosen)
    content = await _render_mail(request, case, phase, chosen)
    parts: MessageParts = parts_of_message(content)
    match chosen.view:
        case "text":
            return page_of_text(f"<pre>{escape(parts.text)}</pre>")
        case "source":
            return page_of_text(f"<pre>{escape(content.decode('utf-8', 'replace'))}</pre>")
        case "dark":
            return as_in_dark_mode(parts.html)
        case _:
            return parts.html


async def _render_mail(request: ConsoleRequest, case: BreachCase, phase: BreachPhase, chosen: ChosenNotice) -> bytes:
    campaigns = request.console.operations.campaign_renderer
    renderer = BreachRenderer(campaigns.policies, campaigns.load_templates, campaigns.links)
    reader = SamplePerson(MADE_UP_ADDRESS, chosen.locale, _SAMPLE_NAME)
    told = PhaseToRender(case.brand, case.id, phase.phase, phase.draft, case.facts)
    rendered = await renderer.render_notice(told, chosen.variant, reader, uuid7(), datetime.now(UTC))
    return rendered.outgoing.content


def _page_of_words(request: ConsoleRequest, case: BreachCase, phase: BreachPhase, chosen: ChosenNotice) -> str:
    """Returns the words of the letter, the public notice, or the telephone script."""
    rules = breach_rules_of_policy(policy_of_breach(request, case))
    required = required_parts(case.facts, rules, phase.draft.variants[chosen.variant].places)
    headings = headings_of_language(required, chosen.locale)
    try:
        if chosen.view == "script":
            today = datetime.now(UTC).date()
            said = telephone_script(phase.draft, chosen.variant, chosen.locale, today, headings)
            return page_of_text(f'<pre dir="auto">{escape(said)}</pre>')
        content = notice_content(phase.draft, chosen.variant, chosen.locale, headings)
        direction = "ltr" if is_left_to_right(chosen.locale) else "rtl"
        markup = f"<h1>{escape(content.title)}</h1>\n{html_of_content(content, escape)}"
        return page_of_text(f'<main lang="{escape(chosen.locale)}" dir="{direction}">{markup}</main>')
    except DraftTextRefused as fault:
        raise UnrenderableDraft(f"{chosen.locale}: {fault}") from fault
