"""The commands of `mailer campaign` from the check to the sending."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any, TypeVar
from uuid import UUID

import typer
from pydantic import ValidationError

from mailer.actions.campaign_control import cancel_campaign, pause_campaign, resume_campaign
from mailer.actions.manifest_json import mailings_as_json, manifest_as_json
from mailer.app import App
from mailer.campaign_parts import build_campaign_checker
from mailer.cli.shared import AsJson, acting_person, exit_with_error, out, print_json, print_table, run_with_app
from mailer.cli.stop_start import By, Reason, person_or_system_user
from mailer.policy.campaign_draft import SCHEDULE_YEARS, Schedule, ScheduleKind, ZonelessRule
from mailer.policy.campaign_schedule import known_zone_or_none, moment_of_local_time
from mailer.ports.campaigns import CampaignChangedMeanwhile, CampaignChangeRefused
from mailer.ports.mailings import ReleaseRefused
from mailer.ports.manifests import CampaignToCheck, Manifest, ManifestRefused
from mailer.ports.operator_stores import OperatorStores
from mailer.postgres.operator_stores import build_operator_stores_opener
from mailer.rendering.campaign_findings import findings_as_json

_T = TypeVar("_T")
Id = Annotated[UUID, typer.Argument(metavar="ID", help="The campaign's id; `mailer campaign list` shows it.")]
_NOT_CHECKED = "this draft is not checked; `mailer campaign check` does it"


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    for command in (check, show_manifest, ask_release, release, schedule, pause, resume, cancel, send_rest):
        app.command(command.__name__.replace("_", "-"))(command)


def check(identifier: Id, by: By = "", json: AsJson = False) -> None:
    """Checks a campaign: its texts at once, then its audience in the background; the timekeeper does that."""
    person_or_system_user(by)

    async def act(app: App, stores: OperatorStores, campaign: CampaignToCheck) -> dict[str, Any]:
        outcome = await build_campaign_checker(app).check_campaign(stores.manifests, campaign, str(acting_person()))
        findings = [dict(one) for one in findings_as_json(outcome.findings)]
        return {"manifest": str(outcome.manifest.id) if outcome.manifest else None, "findings": findings}

    done = _run(identifier, act)
    if json:
        print_json(done)
    else:
        for one in done["findings"]:
            out.print(f"{one['severity']}: {one['text']} {one['remedy']}")
    if done["manifest"] is None:
        exit_with_error("the texts have errors, so nothing was frozen; correct them, then check again", 2)
    if not json:
        out.print(f"The check has begun. `mailer campaign show-manifest {identifier}` shows the sum.")


def show_manifest(identifier: Id, json: AsJson = False) -> None:
    """Shows the last check of a campaign: its progress, its sum by reason, and its hash."""

    async def act(app: App, stores: OperatorStores, campaign: CampaignToCheck) -> Manifest:
        return await _manifest_of(stores, campaign)

    manifest = _run(identifier, act)
    if json:
        print_json(manifest_as_json(manifest))
        return
    out.print(f"{manifest.state}: {manifest.people:,} of {manifest.people_total or 0:,} people")
    if manifest.problem:
        out.print(manifest.problem)
    rows = [(one.result.value, one.reason, one.people) for one in manifest.sums]
    print_table(("result", "reason", "people"), [*rows, ("all", "", manifest.people)])
    if manifest.hash:
        out.print(f"hash {manifest.hash.hex()}")


def ask_release(identifier: Id, by: By = "", json: AsJson = False) -> None:
    """Asks for the release of a checked campaign; who asks is its publisher."""
    person_or_system_user(by)

    async def act(app: App, stores: OperatorStores, campaign: CampaignToCheck) -> Manifest:
        manifest = await _manifest_of(stores, campaign)
        await stores.manifests.ask_for_release(manifest.id, str(acting_person()))
        return await _manifest_of(stores, campaign)

    manifest = _run(identifier, act)
    if json:
        print_json(manifest_as_json(manifest))
        return
    out.print(f"It waits for its release to {manifest.people_to_get_mail:,} people:")
    if manifest.hash:
        out.print(f"`mailer campaign release {identifier} --hash {manifest.hash.hex()} --by PERSON`", soft_wrap=True)


def release(
    identifier: Id,
    seen: Annotated[str, typer.Option("--hash", metavar="HASH", help="Of the check that you have seen.")],
    by: By = "",
    json: AsJson = False,
) -> None:
    """Releases a campaign to the people of its check. A second person does, if the policy asks for one."""
    person_or_system_user(by)
    try:
        digest = bytes.fromhex(seen)
    except ValueError:
        exit_with_error("--hash takes the 64 hexadecimal digits that `mailer campaign show-manifest` shows", 2)

    async def act(app: App, stores: OperatorStores, campaign: CampaignToCheck) -> list[dict[str, Any]]:
        manifest = await _manifest_of(stores, campaign)
        return mailings_as_json(await stores.releases.release_manifest(manifest.id, digest, acting_person()))

    _print_mailings(_run(identifier, act), json)


def schedule(
    identifier: Id,
    kind: Annotated[ScheduleKind, typer.Argument(metavar="now|instant|local")],
    at: Annotated[str, typer.Option("--at", metavar="TIME", help="A local time such as 2027-06-01T09:00.")] = "",
    zone: Annotated[str, typer.Option("--zone", help="Your time zone; --at of an instant is by its clock.")] = "UTC",
    zoneless: Annotated[ZonelessRule, typer.Option(help="For people without a zone.")] = ZonelessRule.AUTHOR_ZONE,
    over_hours: Annotated[int, typer.Option(min=0, max=72, help="Spread over so many hours.")] = 0,
    by: By = "",
    json: AsJson = False,
) -> None:
    """Gives a draft its time of sending: now, an instant, or a local time of each person."""
    person_or_system_user(by)
    try:
        wanted = _schedule_of_options(kind, at, zone, zoneless, over_hours)
    except ValueError:
        exit_with_error("--at takes a local time such as 2027-06-01T09:00, --zone a zone such as Europe/Berlin", 2)

    async def act(app: App, stores: OperatorStores, campaign: CampaignToCheck) -> int:
        draft = campaign.draft.model_copy(update={"schedule": wanted})
        saved = await stores.campaigns.save_draft(campaign.id, campaign.revision, draft, str(acting_person()))
        return saved.revision

    revision = _run(identifier, act)
    if json:
        print_json({"campaign": str(identifier), "revision": revision, "schedule": wanted.model_dump(mode="json")})
        return
    out.print(f"Saved as revision {revision}. Check the campaign again before its release.")


def pause(identifier: Id, by: By = "", reason: Reason = "", json: AsJson = False) -> None:
    """Pauses all mailings of a campaign."""
    name = person_or_system_user(by)

    async def act(app: App, stores: OperatorStores, campaign: CampaignToCheck) -> int:
        return await pause_campaign(stores, campaign.id, name, reason)

    _print_number("paused", _run(identifier, act), json)


def resume(identifier: Id, by: By = "", json: AsJson = False) -> None:
    """Lets all mailings of a campaign go on."""
    name = person_or_system_user(by)

    async def act(app: App, stores: OperatorStores, campaign: CampaignToCheck) -> int:
        return await resume_campaign(stores, campaign.id, name)

    _print_number("resumed", _run(identifier, act), json)


def cancel(identifier: Id, by: By = "", reason: Reason = "", json: AsJson = False) -> None:
    """Ends a campaign for good: its check, its mailings, and the rest of its test."""
    person_or_system_user(by)

    async def act(app: App, stores: OperatorStores, campaign: CampaignToCheck) -> int:
        return await cancel_campaign(stores, campaign.id, acting_person(), reason)

    _print_number("cancelled", _run(identifier, act), json)


def send_rest(
    identifier: Id,
    variant: Annotated[str, typer.Option("--variant", metavar="VARIANT", help="The variant that the rest gets.")],
    by: By = "",
    json: AsJson = False,
) -> None:
    """Sends the rest of an A/B test with one of its variants, once."""
    person_or_system_user(by)

    async def act(app: App, stores: OperatorStores, campaign: CampaignToCheck) -> list[dict[str, Any]]:
        manifest = await _manifest_of(stores, campaign)
        return mailings_as_json([await stores.releases.send_rest(manifest.id, variant, acting_person())])

    _print_mailings(_run(identifier, act), json)


def _schedule_of_options(
    kind: ScheduleKind, at: str, zone_name: str, zoneless: ZonelessRule, over_hours: int
) -> Schedule:
    """Returns the schedule of a command. Raises ValueError: the time or the zone is none, or the time is missing."""
    zone = known_zone_or_none(zone_name)
    if zone is None:
        raise ValueError("an unknown zone")
    raw: dict[str, Any] = {"kind": kind, "zone": zone.key, "zoneless": zoneless, "over_hours": over_hours}
    if kind is ScheduleKind.INSTANT:
        local = datetime.fromisoformat(at)
        if local.year not in SCHEDULE_YEARS:
            raise ValueError("not a year of a schedule")
        raw["at"] = local if local.tzinfo else moment_of_local_time(local, zone)
    if kind is ScheduleKind.LOCAL:
        raw["local"] = at[:16]
    try:
        return Schedule.model_validate(raw)
    except ValidationError as error:
        raise ValueError("not a schedule") from error


def _run(identifier: UUID, act: Callable[[App, OperatorStores, CampaignToCheck], Awaitable[_T]]) -> _T:
    """Runs a step of a campaign by the person of the command. A refusal is an error of the input."""

    async def run(app: App) -> _T:
        opener = build_operator_stores_opener(app.pool, app.writers, app.hasher, app.policies)
        stores = opener(str(acting_person()), "", None)
        campaign = await stores.manifests.find_campaign_to_check(identifier)
        if campaign is None:
            raise ManifestRefused(f"there is no campaign {identifier}; `mailer campaign list` shows them")
        return await act(app, stores, campaign)

    try:
        return run_with_app(run)
    except (ManifestRefused, ReleaseRefused, CampaignChangeRefused, CampaignChangedMeanwhile) as error:
        exit_with_error(str(error), 2)


async def _manifest_of(stores: OperatorStores, campaign: CampaignToCheck) -> Manifest:
    """Returns the manifest of a campaign's last check as it is now. Raises ManifestRefused: there is none."""
    manifest = await stores.manifests.find_manifest(campaign.manifest_id) if campaign.manifest_id else None
    if manifest is None:
        raise ManifestRefused(_NOT_CHECKED)
    return manifest


def _print_mailings(mailings: list[dict[str, Any]], json: bool) -> None:
    if json:
        print_json({"mailings": mailings})
        return
    for one in mailings:
        out.print(f"{one['variant']}: mailing {one['mailing']}")


def _print_number(done: str, mailings: int, json: bool) -> None:
    if json:
        print_json({done: mailings})
        return
    out.print(f"{mailings} mailings of the campaign are {done}.")
