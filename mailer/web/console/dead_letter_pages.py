"""The pages of dead letters: list, text, and replay after a question."""

import asyncio
from collections.abc import Collection
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from mailer.actions.dead_letter_replay import replay_page_of_dead_letters
from mailer.input_types import parse_moment_of_column_or_option
from mailer.policy.dead_letter_brands import brands_of_dead_letter
from mailer.policy.staff_rights import StaffRight, has_staff_right
from mailer.ports.dead_letters import (
    DeadLetter,
    DeadLetterCauseKind,
    DeadLetterDesk,
    DeadLetterFilter,
    DeadLetterPage,
    ReplayableDeadLetterPage,
)
from mailer.web.console.access_gates import ConsoleRequest, GateKind, StaffGate
from mailer.web.console.console_context import HOME
from mailer.web.console.console_pages import console_page
from mailer.web.console.dead_letter_text import mask_addresses, masked_body, masked_reason, unmasked_body
from mailer.web.console.mailing_pages import MailingReader

router = APIRouter(include_in_schema=False)
DEAD = f"{HOME}/dead"
ROWS = 50
MOST_AT_ONCE = 500
"""The most dead letters that one press replays: a second or two."""
_MAX_ID = 2**63 - 1
_FIELDS = ("from", "to", "since", "until", "kind", "reason", "key", "again")
"""The fields of a filter, as the options of `mailer dead replay` are called."""
DeadLetterReplayer = Annotated[ConsoleRequest, Depends(StaffGate(GateKind.RIGHT, StaffRight.DEAD_REPLAY))]
PersonReader = Annotated[ConsoleRequest, Depends(StaffGate(GateKind.RIGHT, StaffRight.PEOPLE_READ))]


class FilterRefused(ValueError):
    """A field of the filter cannot be understood. Its argument is the key of a text in `[errors]`."""


@router.get(DEAD)
async def show_dead_letters(http_request: Request, request: MailingReader) -> Response:
    """Shows the newest dead letters of the person's brands that fit the filter."""
    fields = _read_filled_filter_fields(http_request.query_params.get)
    try:
        chosen = _parse_dead_letter_filter(request, fields, StaffRight.MAILINGS_READ)
    except FilterRefused as error:
        return console_page(
            request, "dead.html.j2", 422, str(error), **_dead_letter_list_template_values(request, fields)
        )
    page = await _open_dead_letter_store(request, StaffRight.MAILINGS_READ, chosen.brands).list_page(chosen, ROWS)
    return console_page(request, "dead.html.j2", **_dead_letter_list_template_values(request, fields, page))


@router.get(f"{DEAD}/replay")
async def ask_before_replaying(http_request: Request, request: DeadLetterReplayer) -> Response:
    """Shows how many dead letters would be published again. It is bound to what is there now."""
    return await _replay_page(request, _read_filled_filter_fields(http_request.query_params.get))


@router.post(f"{DEAD}/replay")
async def replay_letters(request: DeadLetterReplayer) -> Response:
    """Publishes dead letters again, and says how many. What is still wrong dies anew."""
    fields = _read_filled_filter_fields(lambda name: request.field(name))
    try:
        chosen, bound = (
            _parse_dead_letter_filter(request, fields, StaffRight.DEAD_REPLAY),
            _parse_dead_letter_id(request.field("bound")),
        )
    except FilterRefused as error:
        return await _replay_page(request, fields, str(error))
    desk = _open_dead_letter_store(request, StaffRight.DEAD_REPLAY, chosen.brands)
    result = await replay_page_of_dead_letters(desk, replace(chosen, last=min(chosen.last, bound)), MOST_AT_ONCE)
    left = await desk.find_replayable_page(replace(chosen, first=max(chosen.first, bound + 1)), 1)
    are_more_left = bool(left.ids) or left.next_id is not None
    onward = {**fields, "from": str(bound + 1)}
    return console_page(request, "dead_replayed.html.j2", result=result, are_more_left=are_more_left, fields=onward)


@router.get(f"{DEAD}/{{letter_id}}")
async def show_dead_letter(letter_id: int, request: MailingReader) -> Response:
    """Shows one dead letter, without personal data."""
    letter = await _require_letter(request, letter_id)
    return await _letter_page(request, letter, masked_body(letter.message.body), is_masked=True)


@router.post(f"{DEAD}/{{letter_id}}/text")
async def show_unmasked_text_and_record_reading(letter_id: int, request: PersonReader) -> Response:
    """Shows one dead letter with the personal data in it. The ledger records who has read it."""
    letter = await _require_letter(request, letter_id, StaffRight.PEOPLE_READ)
    await _open_dead_letter_store(
        request, StaffRight.PEOPLE_READ, await _brands_of_letter_or_none_for_every(request, letter)
    ).record_that_dead_letter_was_read(letter)
    return await _letter_page(request, letter, unmasked_body(letter.message.body), is_masked=False)


def _read_filled_filter_fields(read: Any) -> dict[str, str]:
    """Returns the fields of a filter that are filled in."""
    texts = {name: str(read(name) or "").strip()[:200] for name in _FIELDS}
    return {name: text for name, text in texts.items() if text and text.isprintable()}


def _parse_dead_letter_filter(request: ConsoleRequest, fields: dict[str, str], right: StaffRight) -> DeadLetterFilter:
    """Returns the filter for the fields of a form, limited to the brands at which the person has a right.

    Raises:
        FilterRefused: a number, a time or a kind cannot be understood.
    """
    kind = fields.get("kind")
    if kind is not None and kind not in DeadLetterCauseKind.__members__.values():
        raise FilterRefused("dead_kind_bad")
    try:
        since, until = (
            parse_moment_of_column_or_option(name, fields[name]) if name in fields else None
            for name in ("since", "until")
        )
    except ValueError:
        raise FilterRefused("dead_time_bad") from None
    return DeadLetterFilter(
        _parse_dead_letter_id(fields.get("from", "1")),
        _parse_dead_letter_id(fields.get("to", str(_MAX_ID))),
        since,
        until,
        None if kind is None else DeadLetterCauseKind(kind),
        fields.get("reason"),
        fields.get("key"),
        "again" in fields,
        _visible_brands_or_none_for_all(request, right),
        masked_reason,
    )


def _parse_dead_letter_id(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and 0 < int(text) <= _MAX_ID):
        raise FilterRefused("dead_id_bad")
    return int(text)


def _visible_brands_or_none_for_all(request: ConsoleRequest, right: StaffRight) -> frozenset[str] | None:
    """Returns the brands whose dead letters the person sees; None for all, with what belongs to no brand."""
    sees_all = has_staff_right(request.member, right) and not request.brand
    return None if sees_all else request.visible_brands_with_right(right)


def _open_dead_letter_store(
    request: ConsoleRequest, right: StaffRight, brands: Collection[str] | None
) -> DeadLetterDesk:
    return request.open_stores(right, brands).letters


async def _brands_of_letter_or_none_for_every(request: ConsoleRequest, letter: DeadLetter) -> frozenset[str] | None:
    """Returns the brands that a letter concerns; None if one of them is none of ours: then it concerns every brand."""
    brands = await asyncio.to_thread(brands_of_dead_letter, letter.message.routing_key, letter.message.body)
    return brands if brands <= request.console.brands else None


async def _require_letter(
    request: ConsoleRequest, letter_id: int, right: StaffRight = StaffRight.MAILINGS_READ
) -> DeadLetter:
    """Returns a dead letter that the person may see. Its routing key says whose it is in lists, without personal data.

    Raises:
        HTTPException: 404: there is none, or it is another brand's. 403: the person lacks another right at a brand that
            the letter concerns.
    """
    desk = _open_dead_letter_store(request, right, None)
    letter = await desk.get_dead_letter(letter_id) if 0 < letter_id <= _MAX_ID else None
    brand = letter.message.routing_key.partition(".")[0] if letter else ""
    known = brand if brand in request.console.brands else None
    if letter is None or not has_staff_right(request.member, StaffRight.MAILINGS_READ, known):
        raise HTTPException(404, "dead_unknown")
    if right is not StaffRight.MAILINGS_READ and not _has_right_at_every_brand(
        request, right, await _brands_of_letter_or_none_for_every(request, letter)
    ):
        raise HTTPException(403, "right_missing")
    return letter


def _has_right_at_every_brand(request: ConsoleRequest, right: StaffRight, brands: frozenset[str] | None) -> bool:
    """Tells whether a person has a right at all of some brands; None: at every brand."""
    return all(has_staff_right(request.member, right, brand) for brand in ([None] if brands is None else brands))


def _dead_letter_list_template_values(
    request: ConsoleRequest, fields: dict[str, str], page: DeadLetterPage | None = None
) -> dict[str, Any]:
    return {
        "fields": fields,
        "kinds": list(DeadLetterCauseKind),
        "page": page,
        "shows_more_filters": not fields.keys().isdisjoint(("from", "to", "since", "until", "again")),
        "mask": mask_addresses,
        "mask_reason": masked_reason,
        "may_replay": StaffRight.DEAD_REPLAY in request.rights,
    }


async def _letter_page(request: ConsoleRequest, letter: DeadLetter, text: str, *, is_masked: bool) -> Response:
    concerned = await _brands_of_letter_or_none_for_every(request, letter)
    return console_page(
        request,
        "dead_letter.html.j2",
        letter=letter,
        text=text,
        is_masked=is_masked,
        mask=mask_addresses if is_masked else str,
        mask_reason=masked_reason if is_masked else str,
        may_replay=_has_right_at_every_brand(request, StaffRight.DEAD_REPLAY, concerned),
        may_read=_has_right_at_every_brand(request, StaffRight.PEOPLE_READ, concerned),
    )


async def _replay_page(request: ConsoleRequest, fields: dict[str, str], error: str | None = None) -> Response:
    page = ReplayableDeadLetterPage(())
    try:
        chosen = _parse_dead_letter_filter(request, fields, StaffRight.DEAD_REPLAY)
        desk = _open_dead_letter_store(request, StaffRight.DEAD_REPLAY, chosen.brands)
        page = await desk.find_replayable_page(chosen, MOST_AT_ONCE)
    except FilterRefused as refused:
        error = error or str(refused)
    return console_page(
        request,
        "dead_replay.html.j2",
        422 if error else 200,
        error,
        fields=fields,
        page=page,
        onward={**fields, "from": str(page.next_id)},
    )
