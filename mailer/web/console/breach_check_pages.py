"""The pages of a breach phase's check: start, progress, findings, sums, the plan of pace, and people by figure."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final, NamedTuple
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response, StreamingResponse
from starlette.exceptions import HTTPException

from mailer.policy.breach.manifest import BreachChannel, people_by
from mailer.policy.breach.manifest_differences import SumDifference, compare_manifests
from mailer.policy.breach.pace_plan import PaceDay, is_over_before, plan_days
from mailer.policy.breach.rules import breach_rules_of_policy, due_to_people
from mailer.policy.staff_rights import StaffRight, has_staff_right
from mailer.ports.breach_cases import BreachCase, BreachPhase
from mailer.ports.breach_manifests import BreachManifest, BreachManifestRefused, BreachPerson, LinesWanted
from mailer.rendering.campaign_findings import findings_as_json
from mailer.web.address_masking import mask_address
from mailer.web.console.access_gates import ConsoleRequest, GateKind, StaffGate
from mailer.web.console.breach_access import (
    ONE_BREACH,
    UTC_ZONE,
    BreachReader,
    BreachWriter,
    breach_stores,
    path_of_breach,
    policy_of_breach,
    require_breach_case,
)
from mailer.web.console.console_pages import console_fragment, console_page, redirect_within_console
from mailer.web.csv_writing import csv_headers, csv_lines

router = APIRouter(include_in_schema=False)
BREACH_PHASE: Final = f"{ONE_BREACH}/phases/{{phase}}"
PeopleReader = Annotated[ConsoleRequest, Depends(StaffGate(GateKind.RIGHT, StaffRight.PEOPLE_READ))]
BAR_WIDTH: Final = 1000
"""The width of a bar, in its own units."""
_CLASSES: Final = {BreachChannel.MAIL: "send", BreachChannel.LETTER: "hold", BreachChannel.NONE: "suppress"}
_SAMPLE: Final = 50
_EXPORTED_AT_ONCE: Final = 2000
_SAMPLED_AS_CSV: Final = (
    *("recipient_id", "ref", "email", "name", "channel", "reason", "variant", "locale", "place", "due_at"),
)


class ChannelPart(NamedTuple):
    """A part of the bar of channels. `start` and `width` are in units of the bar; `style` is a class of the sheet."""

    channel: str
    people: int
    start: float
    width: float
    style: str


class DayBar(NamedTuple):
    """A day of the plan, with the width of its bar."""

    day: PaceDay
    width: float


@router.get(f"{BREACH_PHASE}/check")
async def show_breach_check(case_id: UUID, phase: int, request: BreachReader) -> Response:
    """Shows the check of a phase, or how to start it."""
    case, one = await require_phase(request, case_id, phase)
    return await _check_page(request, case, one)


@router.get(f"{BREACH_PHASE}/check/progress")
async def show_progress_of_breach_check(case_id: UUID, phase: int, request: BreachReader) -> Response:
    """Returns the part of the page that changes while a check runs."""
    case, one = await require_phase(request, case_id, phase)
    manifest = await _find_manifest(request, one)
    return console_fragment(request, "breach_check_progress.html.j2", **_sums_values(request, case, one, manifest))


@router.post(f"{BREACH_PHASE}/check")
async def start_breach_check(case_id: UUID, phase: int, request: BreachWriter) -> Response:
    """Checks the texts and the audience, and starts the manifest if they have no error."""
    case, one = await require_phase(request, case_id, phase, StaffRight.BREACH_WRITE)
    if (request.field("revision"), request.field("facts")) != (str(one.revision), str(case.revision)):
        return await _check_page(request, case, one, "breach_check_changed")
    stores, checker = breach_stores(request, case.brand), request.console.operations.breach_checker
    try:
        outcome = await checker.check_phase(stores, case, one, str(request.member.identity))
    except BreachManifestRefused as refusal:
        return await _check_page(request, case, one, problem=str(refusal))
    if outcome.manifest is None:
        findings = [dict(found) for found in findings_as_json(outcome.findings)]
        return await _check_page(request, case, one, "breach_check_errors", findings=findings)
    return redirect_within_console(request.console, f"{path_of_phase(case, one)}/check")


@router.get(f"{BREACH_PHASE}/people")
async def show_breach_people(
    case_id: UUID,
    phase: int,
    request: BreachReader,
    manifest: Annotated[UUID, Query()],
    channel: Annotated[BreachChannel | None, Query()] = None,
    reason: Annotated[str | None, Query(max_length=100)] = None,
    variant: Annotated[str | None, Query(max_length=40)] = None,
    place: Annotated[str | None, Query(max_length=6)] = None,
    after: Annotated[int, Query(ge=0, lt=2**63)] = 0,
) -> Response:
    """Shows people behind a figure, with their addresses masked."""
    case, one = await require_phase(request, case_id, phase)
    found = await _require_manifest(request, one, manifest)
    return await _people_page(request, case, one, found, LinesWanted(channel, reason, variant, place), after)


@router.post(f"{BREACH_PHASE}/people")
async def show_breach_addresses(case_id: UUID, phase: int, request: PeopleReader) -> Response:
    """Shows people behind a figure with their addresses, and records in the ledger who has seen them."""
    case, one, manifest, wanted = await _lines_of_form(request, case_id, phase)
    await _record_look(request, manifest, "breach_people_seen", wanted)
    after = request.field("after", 19)
    number = int(after) if after.isascii() and after.isdigit() and int(after) < 2**63 else 0
    return await _people_page(request, case, one, manifest, wanted, number, is_masked=False)


@router.post(f"{BREACH_PHASE}/people/export")
async def export_breach_people(case_id: UUID, phase: int, request: PeopleReader) -> Response:
    """Sends the people behind a figure as CSV, and records in the ledger who has them."""
    case, one, manifest, wanted = await _lines_of_form(request, case_id, phase)
    await _record_look(request, manifest, "breach_people_exported", wanted)
    rows = _csv_of_people(request, manifest, wanted)
    name = f"breach-{case.id.hex[:12]}-{one.phase}"
    return StreamingResponse(rows, media_type="text/csv", headers=csv_headers(name))


async def require_phase(
    request: ConsoleRequest, case_id: UUID, phase: int, right: StaffRight = StaffRight.BREACH_READ
) -> tuple[BreachCase, BreachPhase]:
    """Returns a case and one of its phases. Raises HTTPException as `require_breach_case`, and 404 for the phase."""
    case = await require_breach_case(request, case_id, right)
    found = await breach_stores(request, None, StaffRight.BREACH_READ).cases.find_phase(case.id, phase)
    if found is None:
        raise HTTPException(404, "breach_unknown")
    return case, found


def path_of_phase(case: BreachCase, phase: BreachPhase) -> str:
    """Returns the path of a phase's page."""
    return f"{path_of_breach(case)}/phases/{phase.phase}"


def bar_of_channels(manifest: BreachManifest) -> list[ChannelPart]:
    """Returns the parts of the bar: mail, letters, and those who are told by neither."""
    start, parts = 0.0, list[ChannelPart]()
    for channel in BreachChannel:
        people = manifest.count_people(channel)
        width = BAR_WIDTH * people / (manifest.people or 1)
        if people:
            parts.append(ChannelPart(channel.value, people, round(start, 2), round(width, 2), _CLASSES[channel]))
        start += width
    return parts


async def _find_manifest(request: ConsoleRequest, phase: BreachPhase) -> BreachManifest | None:
    """Returns the last check of a phase as it is now; if it changed since, the last one that was finished or failed."""
    store = breach_stores(request, None, StaffRight.BREACH_READ).manifests
    return await store.find_manifest_of_phase(phase.case_id, phase.phase)


def _sums_values(
    request: ConsoleRequest, case: BreachCase, phase: BreachPhase, manifest: BreachManifest | None
) -> dict[str, Any]:
    values: dict[str, Any] = {
        "case": case,
        "phase": phase,
        "own": f"{request.console.base_path}{path_of_phase(case, phase)}",
        "manifest": manifest,
        "bar_width": BAR_WIDTH,
        "bar": [],
        "tables": {},
        "days": [],
        "late": [],
    }
    if manifest is None or not manifest.sums:
        return values
    now = datetime.now(UTC)
    mail = manifest.count_people(BreachChannel.MAIL)
    return values | {
        "bar": bar_of_channels(manifest),
        "tables": {
            "reason": people_by(manifest.sums, "channel", "reason"),
            "place": people_by(manifest.sums, "place"),
            "variant": people_by(manifest.sums, "variant"),
        },
        "days": _bars_of_days(plan_days(manifest.draft.pace, mail, now, UTC_ZONE)),
        "late": list(_late_places(request, case, manifest, now)),
    }


def _bars_of_days(days: Sequence[PaceDay]) -> list[DayBar]:
    most = max((day.people for day in days), default=1)
    return [DayBar(day, round(BAR_WIDTH * day.people / most, 2)) for day in days]


def _late_places(
    request: ConsoleRequest, case: BreachCase, manifest: BreachManifest, now: datetime
) -> Iterable[tuple[str, datetime]]:
    """Yields the places whose deadline is over before the plan is, if the mail began now."""
    rules = breach_rules_of_policy(policy_of_breach(request, case))
    for (place,) in people_by((one for one in manifest.sums if one.channel is BreachChannel.MAIL), "place"):
        deadline = due_to_people(place, case.facts, rules)
        if deadline is not None and not is_over_before(manifest.draft.pace, now, deadline):
            yield place, deadline


async def _check_page(
    request: ConsoleRequest,
    case: BreachCase,
    phase: BreachPhase,
    error: str | None = None,
    *,
    problem: str | None = None,
    findings: Sequence[Mapping[str, Any]] | None = None,
) -> Response:
    manifest = await _find_manifest(request, phase)
    shown = findings if findings is not None else (manifest.findings if manifest else ())
    return console_page(
        request,
        "breach_check.html.j2",
        409 if error or problem else 200,
        error,
        problem=problem,
        **_sums_values(request, case, phase, manifest),
        findings=shown,
        differences=await _differences(request, manifest),
        is_running=manifest is not None and manifest.is_at_work,
        may_write=has_staff_right(request.member, StaffRight.BREACH_WRITE, case.brand),
    )


async def _differences(request: ConsoleRequest, manifest: BreachManifest | None) -> list[SumDifference] | None:
    """Returns what is different from the check that this person has seen before; None: they have seen no other one."""
    if manifest is None or manifest.hash is None:
        return None
    store = breach_stores(request, None, StaffRight.BREACH_READ).manifests
    before_id = await store.record_view(manifest, str(request.member.identity))
    before = await store.find_manifest(before_id) if before_id else None
    if before is None:
        return None
    return compare_manifests(before.frozen, before.sums, manifest.frozen, manifest.sums)


async def _require_manifest(request: ConsoleRequest, phase: BreachPhase, manifest_id: UUID) -> BreachManifest:
    manifest = await breach_stores(request, None, StaffRight.BREACH_READ).manifests.find_manifest(manifest_id)
    if manifest is None or (manifest.case_id, manifest.phase) != (phase.case_id, phase.phase):
        raise HTTPException(404, "breach_check_unknown")
    return manifest


async def _lines_of_form(
    request: ConsoleRequest, case_id: UUID, phase: int
) -> tuple[BreachCase, BreachPhase, BreachManifest, LinesWanted]:
    case, one = await require_phase(request, case_id, phase, StaffRight.PEOPLE_READ)
    names = request.form.keys()
    try:
        manifest_id = UUID(request.field("manifest"))
        channel = BreachChannel(request.field("channel")) if "channel" in names else None
    except ValueError:
        raise HTTPException(404, "breach_check_unknown") from None
    reason, variant, place = (request.field(name, 100) if name in names else None for name in LinesWanted._fields[1:])
    return case, one, await _require_manifest(request, one, manifest_id), LinesWanted(channel, reason, variant, place)


async def _record_look(request: ConsoleRequest, manifest: BreachManifest, what: str, wanted: LinesWanted) -> None:
    store = breach_stores(request, manifest.brand, StaffRight.PEOPLE_READ).manifests
    await store.record_look(manifest, what, wanted, str(request.member.identity))


async def _people_page(
    request: ConsoleRequest,
    case: BreachCase,
    phase: BreachPhase,
    manifest: BreachManifest,
    wanted: LinesWanted,
    after: int,
    *,
    is_masked: bool = True,
) -> Response:
    store = breach_stores(request, None, StaffRight.BREACH_READ).manifests
    found = await store.list_people(manifest.id, wanted, after, _SAMPLE + 1)
    people = found[:_SAMPLE]
    return console_page(
        request,
        "breach_people.html.j2",
        case=case,
        own=f"{request.console.base_path}{path_of_phase(case, phase)}",
        manifest=manifest,
        wanted={name: str(value) for name, value in wanted._asdict().items() if value is not None},
        people=[_masked(person) for person in people] if is_masked else people,
        is_masked=is_masked,
        after=after,
        next=people[-1].recipient_id if len(found) > _SAMPLE else None,
        may_read_people=has_staff_right(request.member, StaffRight.PEOPLE_READ, case.brand),
    )


def _masked(person: BreachPerson) -> BreachPerson:
    email = mask_address(person.email) if person.email else None
    return person._replace(email=email, name=None, ref=f"{(person.ref or '')[:2]}…")


async def _csv_of_people(request: ConsoleRequest, manifest: BreachManifest, wanted: LinesWanted) -> AsyncIterator[str]:
    store = breach_stores(request, None, StaffRight.PEOPLE_READ).manifests
    yield csv_lines([_SAMPLED_AS_CSV])
    after = 0
    while some := await store.list_people(manifest.id, wanted, after, _EXPORTED_AT_ONCE):
        after = some[-1].recipient_id
        yield csv_lines(some)
