"""Test messages of a breach phase, to the person who asks."""

from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response

from mailer.policy.staff_rights import StaffRight
from mailer.ports.breach_cases import BreachCase, BreachPhase
from mailer.ports.breach_tests import BREACH_TESTS_AN_HOUR, BreachTestRefused
from mailer.web.console.access_gates import ConsoleRequest
from mailer.web.console.breach_access import breach_stores, path_of_breach
from mailer.web.console.breach_preview_pages import NoticeReader
from mailer.web.console.breach_text_pages import ONE_PHASE, Number, path_of_phase, require_phase
from mailer.web.console.breach_text_view import names_of_texts
from mailer.web.console.console_pages import console_page, redirect_within_console

router = APIRouter(include_in_schema=False)
_SHOWN = 30


@router.get(f"{ONE_PHASE}/test")
async def show_notice_tests(case_id: UUID, phase: Number, request: NoticeReader, text: str = "") -> Response:
    """Shows the form of a test, and the tests that the person had."""
    case, found = await require_phase(request, case_id, phase, StaffRight.BREACH_RELEASE)
    return await _test_page(request, case, found, text)


@router.post(f"{ONE_PHASE}/test")
async def order_notice_test(case_id: UUID, phase: Number, request: NoticeReader) -> Response:
    """Orders a test message of one text to the person's own address."""
    case, found = await require_phase(request, case_id, phase, StaffRight.BREACH_RELEASE)
    text = request.field("text", 80)
    variant, _, locale = text.partition("@")
    tests = breach_stores(request, case.brand, StaffRight.BREACH_RELEASE).tests
    try:
        await tests.order_test(case.id, phase, variant, locale, request.member.id)
    except BreachTestRefused as refusal:
        return await _test_page(request, case, found, text, str(refusal))
    return redirect_within_console(request.console, f"{path_of_phase(found)}/test")


async def _test_page(
    request: ConsoleRequest, case: BreachCase, phase: BreachPhase, text: str, problem: str | None = None
) -> Response:
    tests = breach_stores(request, None, StaffRight.BREACH_READ).tests
    return console_page(
        request,
        "breach_test.html.j2",
        422 if problem else 200,
        problem=problem,
        case=case,
        case_path=path_of_breach(case),
        path=path_of_phase(phase),
        phase=phase,
        names=names_of_texts(phase.draft),
        chosen=text,
        address=request.member.email,
        tests=await tests.list_tests(case.id, phase.phase, request.member.id, _SHOWN),
        most=BREACH_TESTS_AN_HOUR,
    )
