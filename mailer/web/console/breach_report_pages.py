"""Reports of a breach case for authorities, and the sample copies that go with them."""

import asyncio
import json
from datetime import UTC, datetime
from html import escape
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from mailer.actions.breach_reports import UnknownAuthorityForm, make_report
from mailer.actions.typesetting.letter_typesetting import TypesettingFailed
from mailer.policy.breach.authority_forms import FORMS
from mailer.policy.breach.authority_reports import AuthorityReport, report_as_markdown
from mailer.policy.staff_rights import StaffRight
from mailer.ports.breach_cases import BreachCase
from mailer.ports.breach_outcomes import ReleasedPhase
from mailer.rendering.breach_samples import locales_of_stored_template, sample_copy
from mailer.rendering.campaign_fields import DraftTextRefused
from mailer.rendering.printed_notices import letter_to_nobody
from mailer.rendering.template import RenderError
from mailer.rendering.template_files import TemplateError
from mailer.web.brand_look import PLAIN_LOOK
from mailer.web.breach_outcome_rows import report_as_json, report_rows
from mailer.web.console.access_gates import ConsoleRequest
from mailer.web.console.breach_outcome_access import (
    ONE_CASE,
    OutcomeReader,
    path_of_case,
    policy_of_case,
    require_case,
    stores_of_person,
)
from mailer.web.console.console_pages import console_page
from mailer.web.console.preview_frames import frame_body, page_of_text
from mailer.web.csv_writing import csv_lines
from mailer.web.web_context import TheSite, WebContext

router = APIRouter(include_in_schema=False)
_REPORTS, _SAMPLES = f"{ONE_CASE}/reports", f"{ONE_CASE}/samples"
_TYPES = {"md": "text/markdown", "json": "application/json", "csv": "text/csv"}


@router.get(_REPORTS)
async def list_reports(case_id: UUID, request: OutcomeReader, site: TheSite) -> Response:
    """Lists the forms, each with what the case lacks for it."""
    case = await require_case(request, case_id)
    reports = [await _make(name, case, request, site) for name in FORMS]
    return console_page(request, "breach_reports.html.j2", case=case, path=path_of_case(case), reports=reports)


@router.get(f"{_REPORTS}/{{name}}")
async def show_report(case_id: UUID, name: str, request: OutcomeReader, site: TheSite) -> Response:
    """Shows a filled form, or sends it as a file: `gdpr-art-33`, or `gdpr-art-33.md`, `.json`, `.csv`."""
    case = await require_case(request, case_id)
    stem, _, kind = name.partition(".")
    report = await _make(stem, case, request, site)
    if not kind:
        return console_page(request, "breach_report.html.j2", case=case, path=path_of_case(case), report=report)
    if kind not in _TYPES:
        raise HTTPException(404, "form_unknown")
    headers = {"content-disposition": f'attachment; filename="{stem}-{case.id}.{kind}"'}
    return Response(_as_file(report, kind), media_type=_TYPES[kind], headers=headers)


@router.get(_SAMPLES)
async def list_samples(case_id: UUID, request: OutcomeReader) -> Response:
    """Lists the sample copies of all released phases."""
    case = await require_case(request, case_id)
    phases = [
        (phase, [(variant, locale) for variant, locale in _copies_of_phase(phase)])
        for phase in await _released_phases(request, case)
    ]
    return console_page(request, "breach_samples.html.j2", case=case, path=path_of_case(case), phases=phases)


@router.get(f"{_SAMPLES}/{{phase}}/{{variant}}/{{locale}}.{{kind}}")
async def show_sample(
    case_id: UUID, phase: int, variant: str, locale: str, kind: str, request: OutcomeReader
) -> Response:
    """Shows a sample copy as a page of its own, in which nothing runs: its HTML, or its text; or sends its PDF."""
    case = await require_case(request, case_id)
    released = next((one for one in await _released_phases(request, case) if one.phase == phase), None)
    if released is None or (variant, locale) not in _copies_of_phase(released) or kind not in ("html", "txt", "pdf"):
        raise HTTPException(404, "sample_unknown")
    if kind == "pdf":
        return await _sample_pdf(request, case, released, variant, locale)
    links, policy = request.console.operations.campaign_renderer.links, policy_of_case(request, case)
    name, template = f"breach-{case.id.hex[:12]}-{phase}", released.templates[variant]
    try:
        # In a thread: to compile a template takes a while, in which others are to be served.
        parts = await asyncio.to_thread(sample_copy, policy, links, template, name, locale, released.released_at)
    except (TemplateError, RenderError) as error:
        return frame_body(page_of_text(f"<h1>It cannot be shown any more</h1><p>{escape(str(error))}</p>"), 422)
    text = f"<h1>{escape(parts.subject)}</h1><pre>{escape(parts.text)}</pre>"
    return frame_body(parts.html if kind == "html" else page_of_text(text))


async def _sample_pdf(
    request: ConsoleRequest, case: BreachCase, phase: ReleasedPhase, variant: str, locale: str
) -> Response:
    """Returns the letter to nobody as PDF, or the page of samples with the reason why it cannot be set."""
    try:
        policy, day = policy_of_case(request, case), phase.released_at.date()
        letter = letter_to_nobody(phase.frozen, variant, locale, policy, day)
        made = await request.console.operations.typesetter.set_pdf(letter, is_tagged=True)
    except (DraftTextRefused, TypesettingFailed) as refusal:
        return frame_body(page_of_text(f"<h1>It cannot be printed</h1><p>{escape(str(refusal))}</p>"), 422)
    name = f"sample-{phase.phase}-{variant}-{locale}.pdf"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(made.content, media_type="application/pdf", headers=headers)


def _copies_of_phase(phase: ReleasedPhase) -> list[tuple[str, str]]:
    return [
        (variant, locale)
        for variant in sorted(phase.templates)
        for locale in locales_of_stored_template(phase.templates[variant])
    ]


async def _released_phases(request: ConsoleRequest, case: BreachCase) -> list[ReleasedPhase]:
    outcomes = stores_of_person(request, None, StaffRight.MAILINGS_READ).outcomes
    return list(await outcomes.list_released_phases(case.id))


async def _make(name: str, case: BreachCase, request: ConsoleRequest, site: WebContext) -> AuthorityReport:
    outcomes = stores_of_person(request, None, StaffRight.MAILINGS_READ).outcomes
    contact = site.looks.get(case.brand, PLAIN_LOOK).contact_in_words
    try:
        return await make_report(name, case, policy_of_case(request, case), contact, outcomes, datetime.now(UTC))
    except UnknownAuthorityForm:
        raise HTTPException(404, "form_unknown") from None


def _as_file(report: AuthorityReport, kind: str) -> str:
    match kind:
        case "md":
            return report_as_markdown(report)
        case "json":
            return json.dumps(report_as_json(report), ensure_ascii=False, indent=2) + "\n"
        case _:
            return csv_lines(report_rows(report))
