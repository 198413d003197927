"""The public notice of a breach case: its draft from a phase, its release by a second person, and the proof of it."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from html import escape
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response

from mailer.actions.public_notices import PublicNoticeRefused, release_public_notice
from mailer.policy.breach.draft import ELSEWHERE, NoticeText
from mailer.policy.breach.public_notice import BreachPublicNoticeRefused
from mailer.policy.public_notices import PublicNotice, is_notice_visible
from mailer.policy.staff_rights import StaffRight, has_staff_right
from mailer.ports.breach_cases import BreachCase, BreachChangeRefused, BreachPhase
from mailer.web.console.access_gates import ConsoleRequest
from mailer.web.console.breach_outcome_access import (
    ONE_CASE,
    NoticeReleaser,
    NoticeWriter,
    OutcomeReader,
    path_of_case,
    require_case,
    stores_of_person,
)
from mailer.web.console.console_pages import console_page, redirect_within_console

router = APIRouter(include_in_schema=False)
_PAGE = f"{ONE_CASE}/public-notice"


@router.get(_PAGE)
async def show_public_notices(case_id: UUID, request: OutcomeReader) -> Response:
    """Shows the public notices of a case with when they were seen, the text for the home page, and what may be done."""
    return await _page(request, await require_case(request, case_id))


@router.post(_PAGE)
async def draft_public_notice(case_id: UUID, request: NoticeWriter) -> Response:
    """Drafts a notice from the texts of a released phase. Nobody sees it before a second person releases it."""
    case = await require_case(request, case_id, StaffRight.BREACH_WRITE)
    phase, days = _whole(request.field("phase")), _whole(request.field("days"))
    if phase is None or days is None:
        return await _page(request, case, error="public_days")
    notices = stores_of_person(request, case.brand, StaffRight.BREACH_WRITE).public_notices
    try:
        variant = request.field("variant") or ELSEWHERE
        await notices.add_draft_of_phase(case_id, phase, variant, days, str(request.member.identity))
    except (BreachChangeRefused, BreachPublicNoticeRefused) as refusal:
        return await _page(request, case, problem=str(refusal))
    return redirect_within_console(request.console, f"{path_of_case(case)}/public-notice")


@router.post(f"{_PAGE}/{{notice_id}}/release")
async def release_notice(case_id: UUID, notice_id: UUID, request: NoticeReleaser) -> Response:
    """Puts a draft on the page. Whoever drafted it cannot release it."""
    case = await require_case(request, case_id, StaffRight.BREACH_RELEASE)
    stores = stores_of_person(request, case.brand, StaffRight.BREACH_RELEASE)
    if not await _is_of_case(request, case, notice_id):
        return await _page(request, case, problem="this case has no such notice; look at the list")
    try:
        notices, today = stores.public_notices.notices, datetime.now(UTC).date()
        await release_public_notice(notices, notice_id, str(request.member.identity), today)
    except PublicNoticeRefused as refusal:
        return await _page(request, case, problem=str(refusal))
    return redirect_within_console(request.console, f"{path_of_case(case)}/public-notice")


@router.post(f"{_PAGE}/{{notice_id}}/withdraw")
async def withdraw_notice(case_id: UUID, notice_id: UUID, request: NoticeReleaser) -> Response:
    """Takes a notice off the page before its last day. A second press changes nothing."""
    case = await require_case(request, case_id, StaffRight.BREACH_RELEASE)
    stores = stores_of_person(request, case.brand, StaffRight.BREACH_RELEASE)
    if not await _is_of_case(request, case, notice_id):
        return await _page(request, case, problem="this case has no such notice; look at the list")
    await stores.public_notices.notices.withdraw(notice_id, request.member.identity.name)
    return redirect_within_console(request.console, f"{path_of_case(case)}/public-notice")


async def _is_of_case(request: ConsoleRequest, case: BreachCase, notice_id: UUID) -> bool:
    notices = stores_of_person(request, None, StaffRight.MAILINGS_READ).public_notices
    return any(one.notice.id == notice_id for one in await notices.list_notices_of_case(case.id))


async def _page(
    request: ConsoleRequest, case: BreachCase, error: str | None = None, problem: str | None = None
) -> Response:
    stores, today = stores_of_person(request, None, StaffRight.MAILINGS_READ), datetime.now(UTC).date()
    phases = [one for one in await stores.cases.list_phases(case.id) if one.state == "released"]
    page = f"{request.console.public_url.rstrip('/')}/notices/{case.brand}"
    return console_page(
        request,
        "breach_public_notice.html.j2",
        422 if error or problem else 200,
        error,
        problem=problem,
        case=case,
        path=path_of_case(case),
        page=page,
        notices=[
            (one, _state(one.notice, today), is_notice_visible(one.notice, today))
            for one in await stores.public_notices.list_notices_of_case(case.id)
        ],
        phases=phases,
        variants=sorted({variant for phase in phases for variant in phase.draft.variants}),
        home_page_texts=_home_page_texts(phases, page),
        may_write=has_staff_right(request.member, StaffRight.BREACH_WRITE, case.brand),
        may_release=has_staff_right(request.member, StaffRight.BREACH_RELEASE, case.brand),
    )


def _home_page_texts(phases: Sequence[BreachPhase], page: str) -> list[tuple[str, str]]:
    """Returns the line of the last released phase in each language, with the link, as HTML to copy."""
    if not phases:
        return []
    texts = phases[-1].draft.variants[ELSEWHERE].texts
    return [(locale, _home_page_link(locale, texts[locale], page)) for locale in sorted(texts)]


def _home_page_link(locale: str, text: NoticeText, page: str) -> str:
    words, code = escape(text.home_page or text.title), escape(locale.partition("-")[0].lower())
    return f'<a href="{escape(page)}?lang={code}" lang="{escape(locale)}">{words}</a>'


def _state(notice: PublicNotice, today: date) -> str:
    if notice.withdrawn_at:
        return "withdrawn"
    if notice.released_at is None:
        return "draft"
    if is_notice_visible(notice, today):
        return "up"
    return "over" if notice.last_day < today else "released"


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 4 else None
