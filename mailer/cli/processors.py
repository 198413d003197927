"""`mailer processors`: lists processors and their duties to erase data, records confirmations, pauses them."""

from typing import Annotated

import typer

from mailer.actions.json_for_operators import halt_as_json, processor_state_as_json, stream_pause_as_json
from mailer.app import App, names_of_configured_processors
from mailer.cli import stop_start
from mailer.cli.mailing_lookup import find_mailing_id_or_raise
from mailer.cli.shared import (
    AsJson,
    exit_with_error,
    format_utc_time,
    out,
    print_json,
    print_table,
    read_command_settings,
    remember_acting_person,
    run_with_app,
)
from mailer.ports.halts import Halt, HaltScope, MailingControlRefused
from mailer.ports.privacy_rights import BrandHandOversToProcessor, ErasureDuty, MailingPurgeDuty
from mailer.ports.processor_states import ReportedProcessorState
from mailer.ports.stream_pauses import StreamPause
from mailer.postgres.stream_pauses import PostgresStreamPauses

app = typer.Typer(help="Processors: list, pause, resume, confirm-purge, confirm-erasure.", no_args_is_help=True)

_Listed = tuple[
    list[ReportedProcessorState],
    list[StreamPause],
    list[BrandHandOversToProcessor],
    list[MailingPurgeDuty],
    list[ErasureDuty],
    tuple[Halt, ...],
]
Processor = Annotated[str, typer.Option(help="Its name, as the ledger has it.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Its name, as the ledger has it.")]
By = Annotated[
    str,
    typer.Option(
        "--by", metavar="PERSON", help="Who notes its answer; it stands in the ledger.", callback=remember_acting_person
    ),
]


@app.command("list")
def list_(json: AsJson = False) -> None:
    """Processors: their state, who was handed data, and what they have to purge or to erase."""

    async def act(app: App) -> _Listed:
        halts = tuple(
            halt
            for halt in (await app.halts.read_halts_and_missing_ledger_entries((), (), ())).halts
            if halt.scope is HaltScope.PROCESSOR
        )
        known, streams = app.processors, await PostgresStreamPauses(app.pool).list_current_pauses()
        return (
            await known.list_processor_states_over_all_workers(),
            streams,
            await known.list_all_processors_handed_data(),
            await known.list_all_mailing_purge_duties(),
            await known.list_all_erasure_duties(),
            halts,
        )

    states, streams, holders, purges, keepers, paused = run_with_app(act)
    if json:
        print_json(
            {
                "relays": [processor_state_as_json(state) for state in states],
                "streams": [stream_pause_as_json(pause) for pause in streams],
                "processors": [_fields_as_dict(holder) for holder in holders],
                "purges": [_fields_as_dict(purge) for purge in purges],
                "erasures": [_fields_as_dict(keeper) for keeper in keepers],
                "paused": [halt_as_json(halt) for halt in paused],
            }
        )
        return
    _print_states_and_pauses(states, streams)
    _print_handed_data_and_duties(holders, purges, keepers)
    stop_start.print_halts_if_any(paused)


@app.command()
def pause(name: Name, by: stop_start.By = "", reason: stop_start.Reason = "", json: AsJson = False) -> None:
    """Hands nothing more to a processor, from two seconds on."""
    names = names_of_configured_processors(read_command_settings())
    if name not in names:
        exit_with_error(f"MAILER_PROCESSORS has no processor {name}; there are {', '.join(names)}", 2)
    stop_start.halt_brand_or_processor(HaltScope.PROCESSOR, name, by, reason, json)


@app.command()
def resume(name: Name, by: stop_start.By = "", json: AsJson = False) -> None:
    """Hands mail to a processor again, also to the recipient domains that had blocked it or found our set-up broken."""
    who = stop_start.person_or_system_user(by)

    lifted, streams = run_with_app(lambda app: app.halts.resume_processor(name, who))
    if json:
        print_json({"resumed": name, "new": lifted, "streams": streams})
        return
    stop_start.print_resumed(name, lifted, json)
    if streams:
        out.print(f"{streams:,} streams that had paused go on.")


@app.command("confirm-purge")
def record_mailing_purged_by_processor(
    mailing: Annotated[str, typer.Option(metavar="ID", help="The mailing's own id, or its event's.")],
    processor: Processor,
    by: By,
) -> None:
    """Notes that a processor has kept nothing of a mailing."""
    stop_start.require_person_name(by)

    async def act(app: App) -> bool:
        return await app.processors.confirm_mailing_purge_by_processor(
            await find_mailing_id_or_raise(app, mailing), processor, by
        )

    try:
        confirmed = run_with_app(act)
    except MailingControlRefused as error:
        exit_with_error(f"--mailing: {error}", 2)
    if not confirmed:
        exit_with_error(
            f"{processor} has nothing of mailing {mailing} to purge; `mailer processors list` shows what is due", 2
        )
    out.print("Noted.")


@app.command("confirm-erasure")
def record_confirmed_erasure(
    recipient: Annotated[int, typer.Option(min=1, max=2**63 - 1, help="The erased person's number.")],
    processor: Processor,
    by: By,
) -> None:
    """Notes that a processor has erased a person."""
    stop_start.require_person_name(by)
    if not run_with_app(lambda app: app.processors.confirm_erasure_by_processor(recipient, processor, by)):
        exit_with_error(
            f"{processor} has nothing of recipient {recipient} to erase; `mailer processors list` shows what is due", 2
        )
    out.print("Noted.")


def _print_handed_data_and_duties(
    holders: list[BrandHandOversToProcessor], purges: list[MailingPurgeDuty], keepers: list[ErasureDuty]
) -> None:
    print_table(
        ("brand", "processor", "country", "contract", "hand-overs", "first", "last"),
        [
            (
                h.brand,
                h.processor,
                h.country,
                h.contract,
                h.handovers,
                format_utc_time(h.first_at),
                format_utc_time(h.last_at),
            )
            for h in holders
        ],
        "Were handed data",
    )
    print_table(
        ("mailing", "processor", "due since", "confirmed", "noted by"),
        [
            (p.mailing_id, p.processor, format_utc_time(p.due_at), format_utc_time(p.confirmed_at), p.confirmed_by)
            for p in purges
        ],
        "Are to keep nothing of a mailing",
    )
    print_table(
        ("recipient", "processor", "due until", "confirmed", "noted by"),
        [
            (k.recipient_id, k.processor, format_utc_time(k.due_at), format_utc_time(k.confirmed_at), k.confirmed_by)
            for k in keepers
        ],
        "Are to erase a person",
    )


def _print_states_and_pauses(states: list[ReportedProcessorState], streams: list[StreamPause]) -> None:
    """Prints the state of the processors in the workers, and the mail that waits for recipient domains."""
    print_table(
        ("processor", "state", "since", "last error", "what to check", "times", "workers"),
        [(s.relay, s.state, format_utc_time(s.since), s.error, s.remedy, s.times or "", s.workers) for s in states],
        "As the running workers find them",
    )
    if streams:
        names = ("processor", "category", "domain", "until", "reason", "says", "check")
        shown = [stream_pause_as_json(pause) | {"until": format_utc_time(pause.until)} for pause in streams]
        print_table(names, [tuple(one[name] or "" for name in names) for one in shown], "Mail that pauses")


def _fields_as_dict(row: BrandHandOversToProcessor | MailingPurgeDuty | ErasureDuty) -> dict[str, object]:
    return {name: getattr(row, name) for name in row.__dataclass_fields__}
