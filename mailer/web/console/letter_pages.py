"""The pages of letters that wait for a person: list, text, and the end of each."""

from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from mailer.actions.acts_on_person import PersonActName
from mailer.policy.staff_rights import StaffRight, has_staff_right
from mailer.ports.received_mail import LetterEnd, LetterText, ListedReceivedMail, ReceivedMailReader
from mailer.web.console.access_gates import ConsoleRequest, GateKind, RedirectWithinConsole, StaffGate
from mailer.web.console.console_context import HOME
from mailer.web.console.console_pages import console_page
from mailer.web.console.people_pages import path_of_person

router = APIRouter(include_in_schema=False)
LETTERS: Final = f"{HOME}/letters"
ROWS: Final = 50
"""The letters of a page, the oldest first."""
ASKING: Final = "asking"
"""The choice of letters in which a request was recognised."""
ACTS: Final = {
    "opt_out": PersonActName.OPT_OUT,
    "objection": PersonActName.OBJECT,
    "correction": PersonActName.RECTIFY,
    "restriction": PersonActName.RESTRICT,
    "erasure": PersonActName.ERASE,
}
"""The acts on a person by which a suggested request is done."""
LetterReader = Annotated[ConsoleRequest, Depends(StaffGate(GateKind.RIGHT, StaffRight.PEOPLE_READ))]
LetterCloser = Annotated[ConsoleRequest, Depends(StaffGate(GateKind.RIGHT, StaffRight.PEOPLE_ACT))]


@router.get(LETTERS)
async def show_waiting_letters(
    request: LetterReader, only: Annotated[str, Query()] = "", after: Annotated[UUID | None, Query()] = None
) -> Response:
    """Shows what waits of the person's brands, with the suggested request and its reasons, without personal data."""
    return await _letters_page(request, after, asking=only == ASKING)


@router.post(f"{LETTERS}/close")
async def close_letters(request: LetterCloser) -> Response:
    """Notes one end of all letters that were ticked. Those that somebody else has closed meanwhile stay as they are."""
    asking = request.field("only") == ASKING
    end = request.field("end")
    if end not in LetterEnd.__members__.values():
        return await _letters_page(request, None, "letter_end_missing", asking=asking)
    letters = [await _require_letter(request, one, StaffRight.PEOPLE_ACT) for one in _ticked_letters(request)]
    if not letters:
        return await _letters_page(request, None, "letters_unticked", asking=asking)
    store = _open_store(request, StaffRight.PEOPLE_ACT, {letter.brand for letter in letters})
    for letter in letters:
        await store.close_waiting_mail(letter.id, str(request.member.identity), LetterEnd(end))
    raise RedirectWithinConsole(f"{LETTERS}?only={ASKING}" if asking else LETTERS)


@router.get(f"{LETTERS}/{{mail_id}}")
async def show_letter(mail_id: UUID, request: LetterReader) -> Response:
    """Shows one letter without its text."""
    return _letter_page(request, await _require_letter(request, mail_id, StaffRight.PEOPLE_READ))


@router.post(f"{LETTERS}/{{mail_id}}/text")
async def show_text_and_record_reading(mail_id: UUID, request: LetterReader) -> Response:
    """Shows one letter with its text. The ledger records who has read it."""
    letter = await _require_letter(request, mail_id, StaffRight.PEOPLE_READ)
    found = await _open_store(request, StaffRight.PEOPLE_READ, {letter.brand}).read_mail(mail_id)
    content = found[1] if found else None
    text = request.console.operations.read_letter(content) if content is not None else None
    return _letter_page(request, letter, text, was_read=True)


@router.post(f"{LETTERS}/{{mail_id}}/close")
async def close_letter(mail_id: UUID, request: LetterCloser) -> Response:
    """Notes the end of a letter, and leads back to the others."""
    letter = await _require_letter(request, mail_id, StaffRight.PEOPLE_ACT)
    end = request.field("end")
    if end not in LetterEnd.__members__.values():
        return _letter_page(request, letter, error="letter_end_missing")
    store = _open_store(request, StaffRight.PEOPLE_ACT, {letter.brand})
    if not await store.close_waiting_mail(mail_id, str(request.member.identity), LetterEnd(end)):
        return _letter_page(request, letter, error="letter_closed")
    raise RedirectWithinConsole(LETTERS)


def _ticked_letters(request: ConsoleRequest) -> list[UUID]:
    """Returns the ids of the letters that are ticked, at most a page of them.

    Raises:
        HTTPException: 404: one is no id.
    """
    try:
        return [UUID(one) for one in dict.fromkeys(request.form.get("letter", [])[:ROWS])]
    except ValueError:
        raise HTTPException(404, "letter_unknown") from None


async def _letters_page(
    request: ConsoleRequest, after: UUID | None, error: str | None = None, *, asking: bool
) -> Response:
    brands = request.visible_brands_with_right(StaffRight.PEOPLE_READ)
    store = _open_store(request, StaffRight.PEOPLE_READ, brands)
    letters = await store.list_waiting_letters(brands, ROWS + 1, asking=asking, after=after)
    return console_page(
        request,
        "letters.html.j2",
        422 if error else 200,
        error,
        letters=letters[:ROWS],
        are_more_left=len(letters) > ROWS,
        asking=asking,
        after=after,
        ends=list(LetterEnd),
        closable=request.visible_brands_with_right(StaffRight.PEOPLE_ACT),
    )


def _open_store(request: ConsoleRequest, right: StaffRight, brands: frozenset[str] | set[str]) -> ReceivedMailReader:
    return request.open_stores(right, brands).received


async def _require_letter(request: ConsoleRequest, mail_id: UUID, right: StaffRight) -> ListedReceivedMail:
    """Returns a letter that the person may see.

    Raises:
        HTTPException: 404: there is none, or it is another brand's. 403: the person lacks another right at its brand.
    """
    letter = await _open_store(request, right, set()).find_mail(mail_id)
    if letter is None or not has_staff_right(request.member, StaffRight.PEOPLE_READ, letter.brand):
        raise HTTPException(404, "letter_unknown")
    request.require_right(right, letter.brand)
    return letter


def _letter_page(
    request: ConsoleRequest,
    letter: ListedReceivedMail,
    text: LetterText | None = None,
    error: str | None = None,
    *,
    was_read: bool = False,
) -> Response:
    person = None if letter.recipient_id is None else path_of_person(letter.brand, letter.recipient_id)
    may_act = has_staff_right(request.member, StaffRight.PEOPLE_ACT, letter.brand)
    may_do = may_act and person is not None and letter.is_writer_proven
    acts = [ACTS[name] for name in letter.suggested if name in ACTS] if may_do else []
    return console_page(
        request,
        "letter.html.j2",
        422 if error else 200,
        error,
        letter=letter,
        text=text,
        was_read=was_read,
        person=person,
        acts=acts,
        ends=list(LetterEnd),
        may_close=may_act and letter.state == "waiting",
    )
