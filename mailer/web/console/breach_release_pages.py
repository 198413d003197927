"""The page of a breach phase's release: all that the releaser must see, the button, break-glass and the second look."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response

from mailer.policy.breach.release import LEAST_LETTERS, MOST_REASON, is_second_look_overdue
from mailer.policy.breach.release_differences import changes_of_people, changes_of_texts
from mailer.policy.publisher_and_staff_identity import identity_or_none
from mailer.policy.staff_rights import StaffRight, has_staff_right
from mailer.ports.breach_release import BreachRelease, BreachReleaseRefused, SampledPerson
from mailer.ports.mailings import ReleaseRefused
from mailer.web.address_masking import mask_address
from mailer.web.console.access_gates import ConsoleRequest
from mailer.web.console.breach_release_access import (
    PHASE,
    PhaseNumber,
    ReleaseAsker,
    Releaser,
    ReleaseReader,
    is_factor_fresh_in,
    path_of_phase,
    releases_of,
    require_release,
)
from mailer.web.console.console_pages import console_page, redirect_within_console

router = APIRouter(include_in_schema=False)
_EACH = 3
"""People of a sample, for each channel and reason."""
_SHOWN = ("en", "de", "es")
"""The languages whose texts are shown at once, if a variant has them; the others are a link away."""


@router.get(f"{PHASE}/release")
async def show_release(case_id: UUID, phase: PhaseNumber, request: ReleaseReader) -> Response:
    """Shows what a release would tell whom, and what has changed since the person's last look."""
    return await _release_page(request, await require_release(request, case_id, phase))


@router.post(f"{PHASE}/ask")
async def ask_for_release(case_id: UUID, phase: PhaseNumber, request: ReleaseAsker) -> Response:
    """Lets the phase wait for its release; who asks is its publisher."""
    release = await require_release(request, case_id, phase, StaffRight.BREACH_WRITE)
    store = releases_of(request, release.brand, StaffRight.BREACH_WRITE)
    try:
        await store.ask_for_release(await _manifest_of_form(request, release), str(request.member.identity))
    except BreachReleaseRefused as refusal:
        return await _release_page(request, release, str(refusal))
    return redirect_within_console(request.console, f"{path_of_phase(release)}/release")


@router.post(f"{PHASE}/release")
async def release_phase(case_id: UUID, phase: PhaseNumber, request: Releaser) -> Response:
    """Releases the phase as it was seen: the form names manifest, hash and the number of people."""
    return await _release(request, await require_release(request, case_id, phase, StaffRight.BREACH_RELEASE), None)


@router.post(f"{PHASE}/release-alone")
async def release_phase_alone(case_id: UUID, phase: PhaseNumber, request: Releaser) -> Response:
    """Releases the phase by one person alone, with a reason, if the policy allows it."""
    release = await require_release(request, case_id, phase, StaffRight.BREACH_RELEASE)
    return await _release(request, release, request.field("reason", MOST_REASON))


@router.get(f"{PHASE}/second-look")
async def show_second_look(case_id: UUID, phase: PhaseNumber, request: ReleaseReader) -> Response:
    """Shows a release by one person alone, for somebody else to look at."""
    return await _release_page(request, await require_release(request, case_id, phase))


@router.post(f"{PHASE}/second-look")
async def record_second_look(case_id: UUID, phase: PhaseNumber, request: Releaser) -> Response:
    """Records what the person found."""
    release = await require_release(request, case_id, phase, StaffRight.BREACH_RELEASE)
    if not is_factor_fresh_in(request):
        return await _release_page(request, release, error="breach_factor_old")
    store = releases_of(request, release.brand, StaffRight.BREACH_RELEASE)
    words, is_right = request.field("words", MOST_REASON), request.field("finding") == "right"
    try:
        manifest_id = await _manifest_of_form(request, release)
        await store.record_second_look(manifest_id, request.member.identity, words, is_right=is_right)
    except (BreachReleaseRefused, ReleaseRefused) as refusal:
        return await _release_page(request, release, str(refusal))
    return redirect_within_console(request.console, f"{path_of_phase(release)}/release")


async def _release(request: ConsoleRequest, release: BreachRelease, reason: str | None) -> Response:
    if not is_factor_fresh_in(request):
        return await _release_page(request, release, error="breach_factor_old")
    if _people_of_form(request) != release.people:
        return await _release_page(request, release, error="breach_people_typed")
    try:
        seen = bytes.fromhex(request.field("hash"))
    except ValueError:
        return await _release_page(request, release, error="breach_release_form")
    store = releases_of(request, release.brand, StaffRight.BREACH_RELEASE)
    try:
        await store.release(await _manifest_of_form(request, release), seen, request.member.identity, reason)
    except (BreachReleaseRefused, ReleaseRefused) as refusal:
        return await _release_page(request, release, str(refusal))
    return redirect_within_console(request.console, f"{path_of_phase(release)}/release")


async def _manifest_of_form(request: ConsoleRequest, release: BreachRelease) -> UUID:
    """Returns the check that a form names, if it is one of the phase at which the person has the right.

    Raises:
        BreachReleaseRefused: the form names none, or one of another phase, such as that of another brand.
    """
    try:
        named = UUID(request.field("manifest"))
    except ValueError:
        named = None
    found = await releases_of(request, None, StaffRight.MAILINGS_READ).find_release(named) if named else None
    if found is None or (found.case_id, found.phase) != (release.case_id, release.phase):
        raise BreachReleaseRefused("the form names no check of this phase; look at the phase again")
    return found.id


def _people_of_form(request: ConsoleRequest) -> int | None:
    """Returns the number of people that somebody has typed, with or without separators; None: it is no number."""
    text = request.field("people").replace(",", "").replace(".", "").replace(" ", "").replace("\N{NO-BREAK SPACE}", "")
    return int(text) if text.isascii() and text.isdigit() else None


async def _release_page(
    request: ConsoleRequest, release: BreachRelease, problem: str | None = None, *, error: str | None = None
) -> Response:
    store = releases_of(request, None, StaffRight.MAILINGS_READ)
    release = await store.find_release(release.id) or release
    own, now = str(request.member.identity), datetime.now(UTC)
    before = await store.record_look(release.id, own)
    former = await store.find_former_release(release)
    behind = [*(by for by, _ in await store.list_authors(release.id)), release.released_by or ""]
    may_read_people = has_staff_right(request.member, StaffRight.PEOPLE_READ, release.brand)
    return console_page(
        request,
        "breach_release.html.j2",
        409 if error or problem else 200,
        error,
        problem=problem,
        release=release,
        path=path_of_phase(release),
        texts=_texts_to_show(release),
        deadlines=[(one, (one.due_at - now).total_seconds()) for one in store.list_deadlines(release)],
        sample=_masked(await store.sample_people(release.id, _EACH), may_read_people),
        last_look=_differences(before, release),
        former=_differences(former, release),
        is_own=any(identity_or_none(by) == request.member.identity for by in behind),
        may_be_alone=store.may_release_alone(release.brand),
        is_factor_fresh=is_factor_fresh_in(request),
        least_letters=LEAST_LETTERS,
        is_overdue=release.released_at is not None and is_second_look_overdue(release.released_at, now),
        may_ask=has_staff_right(request.member, StaffRight.BREACH_WRITE, release.brand),
        may_release=has_staff_right(request.member, StaffRight.BREACH_RELEASE, release.brand),
    )


def _differences(before: BreachRelease | None, now: BreachRelease) -> dict[str, Any] | None:
    """Returns what a check has differently from another one; None: there is none to compare."""
    if before is None:
        return None
    return {
        "hash": before.hash,
        "are_facts_changed": before.facts != now.facts,
        "texts": changes_of_texts(before.draft, now.draft),
        "people": changes_of_people(before.sums, now.sums),
    }


def _texts_to_show(release: BreachRelease) -> list[tuple[str, str, bool]]:
    """Returns variant and language of each text, and True for those that the page shows at once."""
    return [
        (name, locale, locale in _SHOWN)
        for name, variant in sorted(release.draft.variants.items())
        for locale in sorted(variant.texts)
    ]


def _masked(sample: Sequence[SampledPerson], may_read_people: bool) -> Sequence[SampledPerson]:
    """Returns a sample without names and addresses for whoever may not read them."""
    if may_read_people:
        return sample
    return [
        one._replace(email=mask_address(one.email) if one.email else None, name=None, ref=f"{(one.ref or '')[:2]}…")
        for one in sample
    ]
