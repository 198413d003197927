"""The texts of a phase: variants and languages side by side, with what laws want of each. Nothing typed is lost."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from mailer.policy.breach.draft import ELSEWHERE, BreachPhaseDraft
from mailer.policy.breach.phase_differences import compare_phases
from mailer.policy.breach.rules import breach_rules_of_policy, suggest_variants
from mailer.policy.breach.text_changes import TextChangeRefused, parse_locale
from mailer.policy.campaign_differences import FieldDifference
from mailer.policy.staff_rights import StaffRight
from mailer.ports.breach_cases import BreachCase, BreachChangedMeanwhile, BreachChangeRefused, BreachPhase
from mailer.rendering.breach_checks import check_breach_texts
from mailer.web.console.access_gates import ConsoleRequest
from mailer.web.console.breach_access import (
    ONE_BREACH,
    BreachWriter,
    breach_stores,
    path_of_breach,
    policy_of_breach,
    require_breach_case,
)
from mailer.web.console.breach_text_actions import TextDesk, change_texts
from mailer.web.console.breach_text_form import (
    MOST_SHOWN,
    TypedPhase,
    build_phase_draft,
    read_typed_phase,
    typed_phase_of_draft,
)
from mailer.web.console.breach_text_view import grid_of_phase, locales_of_phase, names_of_texts, view_of_notice
from mailer.web.console.campaign_form import FieldFault, one_line
from mailer.web.console.console_pages import console_page, redirect_within_console

router = APIRouter(include_in_schema=False)
PHASES = f"{ONE_BREACH}/phases"
ONE_PHASE = f"{PHASES}/{{phase}}"
Number = Annotated[int, Path(ge=1, le=100)]
Texts = Annotated[tuple[str, ...], Query(max_length=MOST_SHOWN)]


@dataclass(frozen=True, slots=True)
class TextAnswer:
    """The faults and problems that the page shows beside the typed texts.

    Attributes:
        faults: of the fields. problem: a sentence about the whole phase.
        differences: between what somebody else has stored and what was typed.
    """

    faults: Sequence[FieldFault] = field(default_factory=list)
    problem: str | None = None
    differences: Sequence[FieldDifference] = field(default_factory=list)
    status: int = 200


@router.get(ONE_PHASE)
async def show_texts(case_id: UUID, phase: Number, request: BreachWriter, text: Texts = ()) -> Response:
    """Shows the texts of a phase, and one or two of them to write. A text is named VARIANT@LANGUAGE."""
    case, shown_phase = await require_phase(request, case_id, phase)
    shown = _shown_texts(shown_phase.draft, text)
    return await _texts_page(request, case, shown_phase, typed_phase_of_draft(shown_phase.draft, shown), TextAnswer())


@router.post(ONE_PHASE)
async def save_texts(case_id: UUID, phase: Number, request: BreachWriter) -> Response:
    """Does what the pressed button says with the typed texts, and stores them."""
    case, stored = await require_phase(request, case_id, phase)
    shown = [_text_or_404(name) for name in request.form.get("shown", [])[:MOST_SHOWN]]
    typed, revision = read_typed_phase(request.form, stored.draft, shown), _read_revision(request)
    draft, faults = build_phase_draft(typed, stored.draft)
    if draft is None:
        return await _texts_page(request, case, stored, typed, TextAnswer(faults, status=422))
    policy = policy_of_breach(request, case)
    desk = TextDesk(case.facts, breach_rules_of_policy(policy), policy, datetime.now(UTC).date())
    try:
        changed, names = change_texts(draft, request.form, [notice.name for notice in typed.notices], desk)
    except TextChangeRefused as refusal:
        answer = TextAnswer(problem=str(refusal), status=422)
        return await _texts_page(request, case, stored, typed, answer)
    return await _store_texts(request, case, stored, typed, changed, revision, names)


@router.post(PHASES)
async def begin_next_phase(case_id: UUID, request: BreachWriter) -> Response:
    """Begins the next phase with the texts of the last one."""
    case = await require_breach_case(request, case_id, StaffRight.BREACH_WRITE)
    cases = breach_stores(request, case.brand).cases
    try:
        made = await cases.create_phase(case.id, str(request.member.identity))
    except BreachChangeRefused as refusal:
        [*_, last] = await cases.list_phases(case.id)
        typed = typed_phase_of_draft(last.draft, _shown_texts(last.draft, ()))
        return await _texts_page(request, case, last, typed, TextAnswer(problem=str(refusal), status=409))
    return redirect_within_console(request.console, path_of_phase(made))


async def require_phase(
    request: ConsoleRequest, case_id: UUID, phase: int, right: StaffRight = StaffRight.BREACH_WRITE
) -> tuple[BreachCase, BreachPhase]:
    """Returns a case and one of its phases.

    Raises:
        HTTPException: 404: there is none of a brand at which the person has a right. 403: they lack this right.
    """
    case = await require_breach_case(request, case_id, right)
    found = await breach_stores(request, None).cases.find_phase(case.id, phase)
    if found is None:
        raise HTTPException(404, "breach_phase_unknown")
    return case, found


def path_of_phase(phase: BreachPhase) -> str:
    """Returns the path of a phase's page."""
    return PHASES.format(case_id=phase.case_id) + f"/{phase.phase}"


async def _store_texts(
    request: ConsoleRequest,
    case: BreachCase,
    stored: BreachPhase,
    typed: TypedPhase,
    draft: BreachPhaseDraft,
    revision: int,
    names: Sequence[str],
) -> Response:
    """Stores a draft and leads on; or shows the form with what was typed, and why it was not stored."""
    cases = breach_stores(request, case.brand).cases
    try:
        saved = await cases.save_phase(case.id, stored.phase, revision, draft, str(request.member.identity))
    except BreachChangedMeanwhile as conflict:
        return await _answer_conflict(request, case, typed, draft, stored.phase, str(conflict))
    except BreachChangeRefused as refusal:
        answer = TextAnswer(problem=str(refusal), status=409)
        return await _texts_page(request, case, stored, typed, answer)
    path = path_of_phase(saved)
    if one_line(request.form, "do") == "preview" and names:
        return redirect_within_console(request.console, f"{path}/preview?text={quote(names[0], safe='@')}")
    query = "&".join(f"text={quote(name, safe='@')}" for name in names)
    return redirect_within_console(request.console, f"{path}?{query}" if query else path)


async def _answer_conflict(
    request: ConsoleRequest, case: BreachCase, typed: TypedPhase, draft: BreachPhaseDraft, phase: int, problem: str
) -> Response:
    """Shows what somebody else has stored beside what was typed; the next saving goes on top of it."""
    _, current = await require_phase(request, case.id, phase)
    mine, _ = build_phase_draft(typed, current.draft)
    differences = compare_phases(current.draft, mine or draft)
    answer = TextAnswer(problem=problem, differences=differences, status=409)
    return await _texts_page(request, case, current, typed, answer)


def _read_revision(request: ConsoleRequest) -> int:
    text = one_line(request.form, "revision")
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise HTTPException(422, "page_bad")
    return int(text)


def _text_or_404(name: str) -> tuple[str, str]:
    """Returns the variant and the language of a text's name."""
    variant, _, locale = name.partition("@")
    try:
        return variant[:40], parse_locale(locale)
    except TextChangeRefused:
        raise HTTPException(404, "page_bad") from None


def _shown_texts(draft: BreachPhaseDraft, names: Sequence[str]) -> list[tuple[str, str]]:
    """Returns the texts to show: those that are named and exist; else the first one."""
    places = dict.fromkeys(_text_or_404(name) for name in names[:MOST_SHOWN])
    every = [(name, locale) for name, variant in sorted(draft.variants.items()) for locale in sorted(variant.texts)]
    return [place for place in places if place in every] or every[:1]


async def _texts_page(
    request: ConsoleRequest, case: BreachCase, phase: BreachPhase, typed: TypedPhase, answer: TextAnswer
) -> Response:
    policy = policy_of_breach(request, case)
    rules = breach_rules_of_policy(policy)
    # In a thread: long texts in many languages take seconds, in which others are to be served.
    findings = await asyncio.to_thread(check_breach_texts, phase.draft, case.facts, rules, policy)
    phases = await breach_stores(request, None).cases.list_phases(case.id)
    former = next((one for one in phases if one.phase == phase.phase - 1), None)
    return console_page(
        request,
        "breach_texts.html.j2",
        answer.status,
        problem=answer.problem,
        case=case,
        case_path=path_of_breach(case),
        phase=phase,
        path=path_of_phase(phase),
        is_last=phase.phase == len(phases),
        can_write=phase.state not in ("released", "cancelled") and case.state == "open",
        typed=typed,
        faults=answer.faults,
        fault_of={one.field: one.text for one in reversed(answer.faults)},
        differences=answer.differences,
        grid=grid_of_phase(phase.draft, findings),
        locales=locales_of_phase(phase.draft),
        variants=sorted(phase.draft.variants),
        missing_variants=sorted(set(suggest_variants(case.facts, rules)) - set(phase.draft.variants)),
        elsewhere=ELSEWHERE,
        notices=[view_of_notice(one, phase.draft, case.facts, rules, findings) for one in typed.notices],
        shown=[notice.name for notice in typed.notices],
        others=[one for one in names_of_texts(phase.draft) if one not in {notice.name for notice in typed.notices}]
        if typed.notices
        else [],
        former=former,
        since_former=compare_phases(former.draft, phase.draft) if former else [],
        default_locale=policy.default_locale,
    )
