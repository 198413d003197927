"""`mailer campaign`: drafts of campaigns: list, show, create, save, history, duplicate, archive."""

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar
from uuid import UUID

import typer
from pydantic import ValidationError

from mailer.actions.campaign_json import campaign_as_json, campaign_revision_as_json, campaign_summary_as_json
from mailer.actions.csv_reading import InputRefused
from mailer.app import App
from mailer.cli import campaign_lint, campaign_report, campaign_sending
from mailer.cli.import_file_helpers import policy_of_brand_or_raise
from mailer.cli.shared import (
    AsJson,
    acting_person,
    exit_with_error,
    format_utc_time,
    out,
    print_facts,
    print_json,
    print_table,
    run_with_app,
)
from mailer.cli.stop_start import By, person_or_system_user
from mailer.input_types import parse_json_with_unique_keys
from mailer.policy.campaign_differences import compare_drafts
from mailer.policy.campaign_draft import CampaignDraft
from mailer.policy.campaign_gaps import missing_parts, refusal_of_category_or_purpose
from mailer.policy.campaign_stages import CampaignState
from mailer.policy.campaign_wording import audience_in_words, schedule_in_words
from mailer.ports.campaigns import (
    MAX_DRAFT_OCTETS,
    Campaign,
    CampaignChangedMeanwhile,
    CampaignChangeRefused,
    CampaignFilter,
    CampaignPage,
    CampaignRevision,
    CampaignUnknown,
)

app = typer.Typer(
    help="Campaigns: write, check, release, schedule, pause and cancel them, and read their reports.",
    no_args_is_help=True,
)
campaign_sending.register(app)
campaign_report.register(app)
campaign_lint.register(app)
_T = TypeVar("_T")
Id = Annotated[UUID, typer.Argument(metavar="ID", help="The campaign's id; `mailer campaign list` shows it.")]
DraftFile = Annotated[Path, typer.Argument(metavar="FILE", help="The draft as JSON; - is standard input.")]
Name = Annotated[str, typer.Option("--name", help="The campaign's name, at most 100 characters.")]


@app.command("list")
def list_(
    brand: Annotated[str | None, typer.Option(help="Only this brand's.")] = None,
    state: Annotated[CampaignState | None, typer.Option(help="Only those in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, the last changed first.")] = 20,
    json: AsJson = False,
) -> None:
    """Shows the campaigns that were changed last; archived ones only by --state archived."""

    async def act(app: App) -> CampaignPage:
        brands = frozenset(app.policies) if brand is None else frozenset({policy_of_brand_or_raise(app, brand).brand})
        return await app.campaign_stores.drafts.list_campaigns(CampaignFilter(brands, state), limit)

    page = _run_or_exit(act)
    if json:
        print_json([campaign_summary_as_json(one) for one in page.campaigns])
        return
    print_table(
        ("campaign", "brand", "name", "state", "category", "changed", "by"),
        [
            (one.id, one.brand, one.name, one.stage, one.category, format_utc_time(one.updated_at), one.updated_by)
            for one in page.campaigns
        ],
    )


@app.command()
def show(campaign: Id, json: AsJson = False) -> None:
    """Shows one campaign; with --json also its draft, which `save` takes."""
    found = _run_or_exit(lambda app: _find_or_raise(app, campaign))
    if json:
        print_json(campaign_as_json(found))
        return
    facts = {name: value for name, value in campaign_as_json(found).items() if name != "draft"}
    missing = [f"{one.variant} {one.locale}: {', '.join(one.gaps)}" for one in missing_parts(found.draft)]
    print_facts(
        {
            **facts,
            "category": found.draft.category,
            "audience": audience_in_words(found.draft),
            "schedule": schedule_in_words(found.draft.schedule),
            "missing": "; ".join(missing) or "nothing",
        }
    )


@app.command()
def create(
    file: DraftFile,
    brand: Annotated[str, typer.Option(help="The brand.")],
    name: Name,
    by: By = "",
    json: AsJson = False,
) -> None:
    """Creates a campaign from a draft in JSON. Nothing is sent before a check and a release."""
    person_or_system_user(by)
    draft = _read_draft_or_exit(file)

    async def act(app: App) -> Campaign:
        if refusal := refusal_of_category_or_purpose(draft, policy_of_brand_or_raise(app, brand)):
            raise InputRefused(refusal)
        return await app.campaign_stores.drafts.create_campaign(brand, _checked_name(name), draft, str(acting_person()))

    _print_stored(_run_or_exit(act), as_json=json)


@app.command()
def save(
    campaign: Id,
    file: DraftFile,
    revision: Annotated[int, typer.Option(min=1, max=2**31 - 1, help="The revision that the change began with.")],
    name: Annotated[str | None, typer.Option("--name", help="A new name.")] = None,
    by: By = "",
    json: AsJson = False,
) -> None:
    """Stores a draft on top of a revision. If somebody has saved meanwhile, it stores nothing, with status 1."""
    person_or_system_user(by)
    draft = _read_draft_or_exit(file)

    async def act(app: App) -> Campaign:
        known = await _find_or_raise(app, campaign)
        if refusal := refusal_of_category_or_purpose(draft, policy_of_brand_or_raise(app, known.brand)):
            raise InputRefused(refusal)
        new_name = None if name is None else _checked_name(name)
        return await app.campaign_stores.drafts.save_draft(campaign, revision, draft, str(acting_person()), new_name)

    _print_stored(_run_or_exit(act), as_json=json)


@app.command()
def history(
    campaign: Id,
    revision: Annotated[int | None, typer.Option(min=1, max=2**31 - 1, help="Show what is different since.")] = None,
    json: AsJson = False,
) -> None:
    """Shows the revisions; with --revision the differences from that one to the current one."""

    async def act(app: App) -> tuple[Campaign, list[CampaignRevision], CampaignRevision | None]:
        found = await _find_or_raise(app, campaign)
        chosen = await app.campaign_stores.drafts.find_revision(campaign, revision) if revision else None
        if revision and chosen is None:
            raise CampaignUnknown(f"the history has no revision {revision}")
        return found, list(await app.campaign_stores.drafts.read_history(campaign, 1000)), chosen

    found, revisions, chosen = _run_or_exit(act)
    if json:
        print_json([campaign_revision_as_json(one) for one in ([chosen] if chosen else revisions)])
    elif chosen:
        _print_differences(chosen.draft, found.draft)
    else:
        rows = [(one.revision, format_utc_time(one.at), one.by) for one in revisions]
        print_table(("revision", "saved", "by"), rows)


@app.command()
def duplicate(campaign: Id, name: Name, by: By = "", json: AsJson = False) -> None:
    """Copies a campaign, without its time of sending."""
    person_or_system_user(by)

    async def act(app: App) -> Campaign:
        return await app.campaign_stores.drafts.duplicate_campaign(campaign, _checked_name(name), str(acting_person()))

    _print_stored(_run_or_exit(act), as_json=json)


@app.command()
def archive(
    campaign: Id,
    undo: Annotated[bool, typer.Option("--undo", help="Take it out of the archive.")] = False,
    by: By = "",
    json: AsJson = False,
) -> None:
    """Puts a draft into the archive, or takes it out again."""
    person_or_system_user(by)

    async def act(app: App) -> Campaign:
        change = app.campaign_stores.drafts.unarchive_campaign if undo else app.campaign_stores.drafts.archive_campaign
        return await change(campaign, str(acting_person()))

    _print_stored(_run_or_exit(act), as_json=json)


def _run_or_exit(act: Callable[[App], Awaitable[_T]]) -> _T:
    """Runs an act. What is refused ends the command: with status 2 for bad input, and else 1."""
    try:
        return run_with_app(act)
    except InputRefused as error:
        exit_with_error(str(error), 2)
    except (CampaignUnknown, CampaignChangeRefused, CampaignChangedMeanwhile) as error:
        exit_with_error(str(error), 1)


async def _find_or_raise(app: App, campaign_id: UUID) -> Campaign:
    found = await app.campaign_stores.drafts.find_campaign(campaign_id)
    if found is None:
        raise CampaignUnknown(f"there is no campaign {campaign_id}; `mailer campaign list` shows them")
    return found


def _checked_name(name: str) -> str:
    if not name.strip() or len(name) > 100 or not name.isprintable():
        raise InputRefused("--name: a name is one line of 1 to 100 characters")
    return name.strip()


def _read_draft_or_exit(file: Path) -> CampaignDraft:
    """Reads a draft. One that cannot be read ends the command, with the place of each fault."""
    try:
        with sys.stdin.buffer if str(file) == "-" else file.open("rb") as opened:
            content = opened.read(MAX_DRAFT_OCTETS + 1)
        if len(content) > MAX_DRAFT_OCTETS:
            exit_with_error(f"{file}: a draft has at most {MAX_DRAFT_OCTETS:,} octets", 2)
        return CampaignDraft.model_validate(parse_json_with_unique_keys(content))
    except OSError as error:
        exit_with_error(f"{file}: cannot be read: {error.strerror}", 2)
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:20]]
        exit_with_error(f"{file}: {'; '.join(faults)}", 2)
    except ValueError as error:
        exit_with_error(f"{file}: {error}", 2)


def _print_stored(campaign: Campaign, *, as_json: bool) -> None:
    if as_json:
        print_json(campaign_as_json(campaign))
    else:
        out.print(f"{campaign.id}: {campaign.state}, revision {campaign.revision}.")


def _print_differences(before: CampaignDraft, after: CampaignDraft) -> None:
    signs = {"same": " ", "added": "+", "removed": "-"}
    for one in compare_drafts(before, after):
        out.print(" ".join(filter(None, (one.variant, one.locale, one.field))))
        for line in one.lines:
            out.print(f"{signs[line.change]} {line.text}")
