"""The pages of letters: their states, runs for a printer, addresses that are missing, and what printers report."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from mailer.actions.csv_reading import InputRefused
from mailer.actions.letter_contents import content_of_letter
from mailer.actions.letter_making import csv_rows_of_run, put_preview_together
from mailer.actions.letter_report_import import ImportedReports, import_letter_reports
from mailer.actions.typesetting.letter_typesetting import TypesettingFailed
from mailer.policy.breach.letter_sheets import WindowFormat
from mailer.policy.breach.letter_states import LetterState
from mailer.policy.staff_rights import StaffRight, has_staff_right
from mailer.ports.letters import (
    MOST_LETTERS_OF_RUN,
    USUAL_LETTERS_OF_RUN,
    LetterCase,
    LetterChangeRefused,
    LetterCount,
    LetterDesk,
    LetterRun,
    PersonWithoutAddress,
)
from mailer.rendering.letter_pages import LetterUnprintable
from mailer.web.console.access_gates import ConsoleRequest, FieldRefused, GateKind, StaffGate
from mailer.web.console.console_context import HOME
from mailer.web.console.console_pages import console_page, redirect_within_console
from mailer.web.csv_writing import csv_headers, csv_lines

router = APIRouter(include_in_schema=False)
ALL_LETTERS: Final = f"{HOME}/breach-letters"
LETTERS: Final = f"{HOME}/breaches/{{case_id}}/letters"
ROWS: Final = 50
MOST_WITHOUT_ADDRESS: Final = 10_000
_RIGHT: Final = StaffRight.NOTICES_WORK
NoticeWorker = Annotated[ConsoleRequest, Depends(StaffGate(GateKind.RIGHT, _RIGHT))]
Reporter = Annotated[ConsoleRequest, Depends(StaffGate(GateKind.RIGHT, _RIGHT, is_upload=True))]
_PRIVATE: Final = {"cache-control": "private, no-store", "x-content-type-options": "nosniff"}


@router.get(ALL_LETTERS)
async def show_letters_of_all_cases(request: NoticeWorker) -> Response:
    """Shows the cases whose people are written to, with the letters of each by state, and the newest runs."""
    brands = request.visible_brands_with_right(_RIGHT)
    desk = request.open_stores(_RIGHT, brands).breach_letters
    cases = [(case, await desk.count_letters(case.id)) for case in await desk.list_cases(brands, ROWS)]
    return console_page(
        request, "breach_letters_of_all.html.j2", cases=cases, runs=await desk.list_runs(brands, None, ROWS)
    )


@router.get(LETTERS)
async def show_letters_of_case(
    case_id: UUID,
    request: NoticeWorker,
    state: Annotated[str, Query()] = "",
    after: Annotated[int, Query(ge=0, le=2**63 - 1)] = 0,
) -> Response:
    """Shows the letters of a case by state, without personal data, and what can be done next."""
    case = await _require_case(request, case_id)
    chosen = LetterState(state) if state in LetterState.__members__.values() else None
    return await _case_page(request, case, state=chosen, after=after)


@router.post(f"{LETTERS}/runs")
async def request_run(case_id: UUID, request: NoticeWorker) -> Response:
    """Takes waiting letters of a language and a window into a run."""
    case = await _require_case(request, case_id)
    language, _, window = request.field("group").rpartition(" ")
    most = request.field("letters") or str(USUAL_LETTERS_OF_RUN)
    if window not in WindowFormat.__members__.values() or not most.isdecimal() or len(most) > 9:
        raise FieldRefused("letter_run_unclear", most=MOST_LETTERS_OF_RUN)
    if not 1 <= int(most) <= MOST_LETTERS_OF_RUN:
        raise FieldRefused("letter_run_unclear", most=MOST_LETTERS_OF_RUN)
    who, today = str(request.member.identity), datetime.now(UTC).date()
    try:
        await _desk(request, case).request_run(case.id, language, WindowFormat(window), int(most), who, today)
    except LetterChangeRefused as refusal:
        return await _case_page(request, case, problem=str(refusal))
    return redirect_within_console(request.console, _path(case))


@router.post(f"{LETTERS}/runs/{{run_id}}/retry")
async def retry_run(case_id: UUID, run_id: UUID, request: NoticeWorker) -> Response:
    """Makes a run again that failed, or has letters that must not go out any more."""
    case = await _require_case(request, case_id)
    await _require_run(request, case, run_id)
    try:
        await _desk(request, case).retry_run(run_id, str(request.member.identity))
    except LetterChangeRefused as refusal:
        return await _case_page(request, case, problem=str(refusal))
    return redirect_within_console(request.console, _path(case))


@router.post(f"{LETTERS}/runs/{{run_id}}/pdf")
async def send_pdf(case_id: UUID, run_id: UUID, request: NoticeWorker) -> Response:
    """Sends the letters of a run for a printer. The ledger records who has read them."""
    case = await _require_case(request, case_id)
    run = await _require_run(request, case, run_id)
    try:
        content = await _desk(request, case).read_file(run.id, str(request.member.identity))
    except LetterChangeRefused as refusal:
        return await _case_page(request, case, problem=str(refusal))
    return _file(content, "application/pdf", f'attachment; filename="letters-{run.id}.pdf"')


@router.post(f"{LETTERS}/runs/{{run_id}}/csv")
async def send_addresses(case_id: UUID, run_id: UUID, request: NoticeWorker) -> Response:
    """Sends the addresses of a run for a print shop. The ledger records who has read them."""
    case = await _require_case(request, case_id)
    run = await _require_run(request, case, run_id)
    try:
        addresses = await _desk(request, case).read_addresses(run.id, str(request.member.identity))
    except LetterChangeRefused as refusal:
        return await _case_page(request, case, problem=str(refusal))
    text = csv_lines(csv_rows_of_run(addresses, run.window_format, run.language))
    return Response(text, media_type="text/csv", headers={**_PRIVATE, **csv_headers(f"letters-{run.id}")})


@router.post(f"{LETTERS}/without-address.csv")
async def send_people_without_address(case_id: UUID, request: NoticeWorker) -> Response:
    """Sends the people who cannot be written to. If asked, it notes that they are asked for their address."""
    case = await _require_case(request, case_id)
    desk, who = _desk(request, case), str(request.member.identity)
    people = await desk.list_people_without_address(case.id, 0, MOST_WITHOUT_ADDRESS, who)
    if request.field("ask"):
        await desk.mark_asked_for_address(case.id, [one.letter for one in people], who)
    text = csv_lines([PersonWithoutAddress._fields, *people])
    return Response(text, media_type="text/csv", headers={**_PRIVATE, **csv_headers(f"without-address-{case.id}")})


@router.post(f"{LETTERS}/reports")
async def import_reports(case_id: UUID, http_request: Request, request: Reporter) -> Response:
    """Imports what a printer or the post reports of letters of the case's brand."""
    case = await _require_case(request, case_id)
    async with http_request.form(max_files=1, max_fields=3) as form:
        request.require_form_token(str(form.get("form_token", "")))
        file = form.get("file")
        if file is None or isinstance(file, str):
            return await _case_page(request, case, problem="the form has no file; choose one")
        content = await file.read()
    who, today = str(request.member.identity), datetime.now(UTC).date()
    try:
        done = await import_letter_reports(_desk(request, case), [case.brand], content, who, today)
    except InputRefused as refusal:
        return await _case_page(request, case, problem=str(refusal))
    return await _case_page(request, case, imported=done)


@router.post(f"{LETTERS}/{{letter}}/preview")
async def send_preview(case_id: UUID, letter: int, request: NoticeWorker) -> Response:
    """Sends one letter as it would be printed: a picture of its first page, or a PDF. It is on record."""
    case = await _require_case(request, case_id)
    desk = _desk(request, case)
    listed = await desk.find_letter(letter) if letter < 2**63 else None
    if listed is None or listed.case_id != case.id:
        raise HTTPException(404, "letter_unknown")
    found = await desk.read_letter_to_set(letter, str(request.member.identity))
    if found is None:
        raise HTTPException(404, "letter_unknown")
    operations, today = request.console.operations, datetime.now(UTC).date()
    try:
        pages = await put_preview_together(
            found, operations.policies[case.brand], today, content_of_letter, operations.typesetter
        )
        if request.field("as") == "picture":
            return _file(await operations.typesetter.set_picture_of_first_page(pages), "image/png", "inline")
        content = (await operations.typesetter.set_pdf(pages, is_tagged=True)).content
    except (LetterUnprintable, TypesettingFailed) as refusal:
        return await _case_page(request, case, problem=str(refusal))
    return _file(content, "application/pdf", f'attachment; filename="letter-{letter}.pdf"')


async def _case_page(
    request: ConsoleRequest,
    case: LetterCase,
    *,
    state: LetterState | None = None,
    after: int = 0,
    problem: str | None = None,
    imported: ImportedReports | None = None,
) -> Response:
    desk = _desk(request, case)
    counts = await desk.count_letters(case.id)
    letters = await desk.list_letters(case.id, state, after, ROWS)
    return console_page(
        request,
        "breach_letters.html.j2",
        422 if problem else 200,
        problem=problem,
        case=case,
        path=_path(case),
        counted_at=counts.counted_at,
        states=_sums_by_state(counts.counts),
        groups=[one for one in counts.counts if one.state is LetterState.WAITING],
        runs=await desk.list_runs([case.brand], case.id, ROWS),
        letters=letters,
        state=state,
        after=after,
        next=letters[-1].letter if len(letters) == ROWS else None,
        usual=USUAL_LETTERS_OF_RUN,
        most=MOST_LETTERS_OF_RUN,
        imported=imported,
    )


def _sums_by_state(counts: Sequence[LetterCount]) -> dict[LetterState, int]:
    """Returns the number of letters in each state that has some, in the order of the states."""
    sums = {state: sum(one.letters for one in counts if one.state is state) for state in LetterState}
    return {state: letters for state, letters in sums.items() if letters}


async def _require_case(request: ConsoleRequest, case_id: UUID) -> LetterCase:
    """Returns a case of a brand at which the person may work notices.

    Raises:
        HTTPException: 404: there is none, or it is another brand's.
    """
    case = await request.open_stores(_RIGHT, None).breach_letters.find_case(case_id)
    if case is None or not has_staff_right(request.member, _RIGHT, case.brand):
        raise HTTPException(404, "breach_unknown")
    return case


async def _require_run(request: ConsoleRequest, case: LetterCase, run_id: UUID) -> LetterRun:
    run = await _desk(request, case).find_run(run_id)
    if run is None or run.case_id != case.id:
        raise HTTPException(404, "letter_run_unknown")
    return run


def _desk(request: ConsoleRequest, case: LetterCase) -> LetterDesk:
    return request.open_stores(_RIGHT, [case.brand]).breach_letters


def _path(case: LetterCase) -> str:
    return LETTERS.format(case_id=case.id)


def _file(content: bytes, media_type: str, disposition: str) -> Response:
    return Response(content, media_type=media_type, headers={**_PRIVATE, "content-disposition": disposition})
