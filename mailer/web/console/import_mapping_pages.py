"""The page of the columns of an uploaded file, which also starts its check."""

from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response

from mailer.ports.recipient_imports import ImportChangeRefused
from mailer.web.console.console_pages import redirect_within_console
from mailer.web.console.import_mapping_form import columns_shown, mapping_of_form, stored_mapping
from mailer.web.console.import_pages import IMPORTS, ImportWriter, import_page, open_import_desk, require_import

router = APIRouter(include_in_schema=False)


@router.post(f"{IMPORTS}/{{import_id}}/mapping")
async def check_rows(import_id: UUID, request: ImportWriter) -> Response:
    """Stores what the columns mean, and starts a check of each row; an open question is asked first."""
    one = await require_import(request, import_id)
    if one.reading is None:
        return await import_page(request, one, "its columns are not read yet, or no longer kept")
    before = stored_mapping(one.reading, one.mapping)
    try:
        policy = request.console.people.policies[one.brand]
        mapping = mapping_of_form(request.form, columns_shown(one.reading, before), before, policy)
    except ValueError as refusal:
        return await import_page(request, one, str(refusal))
    desk, values = open_import_desk(request, [one.brand]), mapping.model_dump(mode="json")
    try:
        if mapping.open_questions:
            await desk.save_mapping(one.id, values)
            return await import_page(
                request,
                await require_import(request, import_id),
                "there is an open question about a column; answer it, then check the rows",
            )
        await desk.save_mapping_and_request_dry_run(one.id, values)
    except ImportChangeRefused as refusal:
        return await import_page(request, await require_import(request, import_id), str(refusal))
    return redirect_within_console(request.console, f"{IMPORTS}/{one.id}")
