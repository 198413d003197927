"""`mailer recipients`, the rights of a person: copy, correction, erasure, restriction, legal hold and disclosure."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from mailer.account_event_types import validate_account
from mailer.actions.account_events import apply_event_to_recipient
from mailer.actions.account_flags import UnknownRecipient
from mailer.actions.acts_on_person import ErasureGround
from mailer.actions.disclosure_records import DisclosureRefused
from mailer.actions.disclosure_records import record_disclosure_to_authority as note_disclosure
from mailer.actions.legal_hold import LegalHoldRefused, lift_legal_hold
from mailer.actions.legal_hold import set_legal_hold as set_hold
from mailer.actions.people_look_up import MAX_REASON
from mailer.actions.privacy_rights import read_personal_data as copy_of
from mailer.app import App
from mailer.cli.shared import (
    AsJson,
    acting_person,
    exit_with_error,
    format_utc_time,
    out,
    print_json,
    print_table,
    remember_acting_person,
    run_with_app,
)
from mailer.policy.policy_file import Policy
from mailer.ports.person_history import AccessInterface, AccessorAndReason, ActOnPerson
from mailer.ports.privacy_rights import (
    ErasureResult,
    ForbiddenByLegalHold,
    LegalDisclosure,
    NoLegalHold,
    SameLegalHoldAlreadyStands,
)
from mailer.ports.time_ordered_uuids import uuid7
from mailer.runtime.private_files import open_private_file_descriptor
from mailer.web.personal_data_html import personal_data_as_html

_T = TypeVar("_T")

Ref = Annotated[str, typer.Argument(metavar="REF", help="The application's own key for the person.")]
Brand = Annotated[str, typer.Option(help="Whose recipient it is.")]
By = Annotated[
    str,
    typer.Option(
        "--by", metavar="PERSON", help="Who does it; it stands in the ledger.", callback=remember_acting_person
    ),
]
Off = Annotated[bool, typer.Option("--off", help="It is so no longer.")]

WhyActed = Annotated[str, typer.Option("--reason", help="Why; it stands in the ledger beside the change.")]
ByOptional = Annotated[
    str, typer.Option("--by", metavar="PERSON", help="Who does it.", callback=remember_acting_person)
]

_SOURCE = "operator"


class RecordableAccountFact(StrEnum):
    """The facts that an operator can record about an account."""

    UNDER_13 = "under_13"
    PAID = "paid"
    NO_PERSONALISATION = "no_personalisation"
    NO_TRACKING = "no_tracking"
    NO_ELECTRONIC_NOTICES = "no_electronic_notices"


_ALLOWS = {
    RecordableAccountFact.NO_PERSONALISATION: "personalisation",
    RecordableAccountFact.NO_TRACKING: "tracking",
    RecordableAccountFact.NO_ELECTRONIC_NOTICES: "electronic",
}


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    commands: dict[str, Callable[..., None]] = {
        "export": export,
        "erase": erase,
        "restrict": restrict,
        "rectify": rectify,
        "deactivate": deactivate,
        "mark": record_account_fact,
        "channel": record_preferred_channel,
        "postal": record_or_forget_postal_address,
        "hold": set_or_lift_legal_hold,
        "disclose": record_disclosure_under_legal_process,
    }
    for name, command in commands.items():
        app.command(name)(command)


def export(
    ref: Ref,
    brand: Brand,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page instead of JSON.")] = None,
    json: AsJson = False,
) -> None:
    """Everything that is stored about a person, as JSON or as a page (GDPR Art. 15, 20)."""

    async def read(app: App, policy: Policy, id_: int) -> tuple[dict[str, Any], str]:
        return await copy_of(app.rights, policy, id_, datetime.now(UTC)), policy.name

    archive, name = _run_for_recipient(brand, ref, read)
    if html is None:
        print_json(archive)
        return
    try:
        with open(html, "w", encoding="utf-8", opener=open_private_file_descriptor) as opened:
            opened.write(personal_data_as_html(archive, name))
    except OSError as error:
        exit_with_error(f"{html}: {error}", 1)
    out.print(f"Wrote {html}.")


def erase(
    ref: Ref,
    brand: Brand,
    by: ByOptional = "",
    reason: Annotated[
        ErasureGround | None, typer.Option("--reason", help="The ground; it stands in the ledger.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Erases a person: queued mail is cancelled, and a keyed hash remains. A legal hold forbids it."""
    erased = _apply_account_event(brand, ref, reason or "", account="erase")
    if erased is None:
        raise AssertionError("an erasure says what it came to")
    if json:
        keepers = [
            {
                "processor": keeper.processor,
                "country": keeper.country,
                "contract": keeper.contract,
                "last_at": keeper.last_at.isoformat(),
                "due_at": keeper.due_at.isoformat(),
            }
            for keeper in erased.keepers
        ]
        print_json(
            {
                "recipient": erased.recipient_id,
                "cancelled": erased.cancelled,
                "processors": keepers,
                "kept_until": erased.expires_at.isoformat(),
            }
        )
        return
    out.print(f"Erased; {erased.cancelled} deliveries cancelled. The keyed hash is kept until {erased.expires_at:%F}.")
    if erased.keepers:
        title = f"These were handed data of recipient {erased.recipient_id}; note their answers with"
        print_table(
            ("processor", "country", "contract", "last hand-over", "erased until"),
            [
                (
                    keeper.processor,
                    keeper.country,
                    keeper.contract,
                    format_utc_time(keeper.last_at),
                    format_utc_time(keeper.due_at),
                )
                for keeper in erased.keepers
            ],
            f"{title} `mailer processors confirm-erasure`",
        )


def restrict(ref: Ref, brand: Brand, off: Off = False, by: ByOptional = "", reason: WhyActed = "") -> None:
    """Restricts processing: only account, legal and security mail goes out (GDPR Art. 18)."""
    _apply_account_event(brand, ref, reason, account="unrestrict" if off else "restrict")
    out.print("Restricted no longer." if off else "Restricted.")


def deactivate(ref: Ref, brand: Brand, off: Off = False, by: ByOptional = "", reason: WhyActed = "") -> None:
    """Closes an account, which also ends its service mail, or opens it again."""
    _apply_account_event(brand, ref, reason, account="reactivate" if off else "deactivate")
    out.print("Active again." if off else "Deactivated.")


def rectify(
    ref: Ref,
    brand: Brand,
    email: Annotated[str | None, typer.Option()] = None,
    name: Annotated[str | None, typer.Option()] = None,
    locale: Annotated[str | None, typer.Option(help="Such as en-GB.")] = None,
    country: Annotated[str | None, typer.Option(help="ISO 3166-1, such as GB.")] = None,
    by: ByOptional = "",
    reason: WhyActed = "",
) -> None:
    """Corrects data, as of now (GDPR Art. 16). What was left with the old address is left with the new one."""
    values = {"email": email, "name": name, "locale": locale, "country": country}
    _apply_account_event(
        brand, ref, reason, account="rectify", **{key: value for key, value in values.items() if value is not None}
    )
    out.print("Rectified.")


def record_account_fact(
    ref: Ref,
    brand: Brand,
    what: Annotated[RecordableAccountFact, typer.Argument()],
    off: Off = False,
    product: Annotated[str | None, typer.Option(help="With paid: this product; else every one.")] = None,
) -> None:
    """Notes something of an account, at once also for what is queued."""
    if product is not None and what is not RecordableAccountFact.PAID:
        exit_with_error(f"--product: goes with paid, and not with {what}; leave it out", 2)
    if what is RecordableAccountFact.UNDER_13 and off:
        exit_with_error("who was under 13 is not asked to prove otherwise; let them register anew", 2)
    if what in _ALLOWS:
        _apply_account_event(brand, ref, account=_ALLOWS[what], allowed=off)
    elif what is RecordableAccountFact.PAID:
        _apply_account_event(
            brand, ref, account="unpaid" if off else "paid", **({} if product is None else {"product": product})
        )
    else:
        _apply_account_event(brand, ref, account="under_13")
    out.print("Noted.")


def record_preferred_channel(
    ref: Ref,
    brand: Brand,
    name: Annotated[str, typer.Argument(metavar="CHANNEL", help="email, or another one, such as sms.")],
) -> None:
    """Notes how a person wants to be reached."""
    _apply_account_event(brand, ref, account="channel", channel=name)
    out.print("Noted.")


def record_or_forget_postal_address(
    ref: Ref,
    brand: Brand,
    line: Annotated[list[str], typer.Option(help="A line of the address, as on a letter; as often as needed.")] = [],  # noqa: B006
    forget: Annotated[bool, typer.Option("--forget", help="Forget the one that is on record.")] = False,
) -> None:
    """Keeps the postal address for a person's written notices, and for nothing else, or forgets it."""
    if bool(line) is forget:
        exit_with_error("say the address by --line, once a line, or --forget", 2)
    _apply_account_event(brand, ref, account="postal", address=line or None)
    out.print("Forgotten." if forget else "Noted.")


def set_or_lift_legal_hold(
    ref: Ref,
    brand: Brand,
    reference: Annotated[str, typer.Option(help="Of the legal process.")],
    by: By,
    lift: Annotated[bool, typer.Option("--lift", help="Lift it.")] = False,
    named: Annotated[bool, typer.Option("--named", help="The person may be told of it.")] = False,
) -> None:
    """Sets a legal hold, which forbids erasure, or lifts it."""

    async def act(app: App, policy: Policy, id_: int) -> None:
        if lift:
            await lift_legal_hold(app.rights, policy.brand, id_, reference, by)
        else:
            await set_hold(app.rights, policy.brand, id_, reference, by, named=named)

    try:
        _run_for_recipient(brand, ref, act)
    except SameLegalHoldAlreadyStands:
        out.print("Held already.")
    else:
        out.print("Lifted." if lift else "Held.")


def record_disclosure_under_legal_process(
    ref: Ref,
    brand: Brand,
    authority: Annotated[str, typer.Option(help="To whom.")],
    reference: Annotated[str, typer.Option(help="Of the legal process.")],
    field: Annotated[list[str], typer.Option(help="A kind of data, such as email; as often as needed.")],
    by: By,
) -> None:
    """Notes what was disclosed of a person under legal process."""
    disclosure = LegalDisclosure(authority, reference, tuple(field))
    _run_for_recipient(
        brand, ref, lambda app, policy, id_: note_disclosure(app.rights, policy.brand, id_, disclosure, by)
    )
    out.print("Noted.")


def _apply_account_event(brand: str, ref: str, reason: str = "", **event: Any) -> ErasureResult | None:
    """Applies an account event to a recipient, with the operator as its source. A reason stands in the ledger."""
    if len(reason) > MAX_REASON:
        exit_with_error(f"--reason: has {len(reason)} characters; at most {MAX_REASON}", 2)

    async def act(app: App, policy: Policy, id_: int) -> ErasureResult | None:
        said = validate_account({"v": 1, "id": uuid7().hex, "brand": policy.brand, "ref": ref, **event})
        access = AccessorAndReason(acting_person(), AccessInterface.COMMAND, "", reason)
        ordered = ActOnPerson(event["account"], policy.brand, id_, access) if reason else None
        return await apply_event_to_recipient(
            app.desks, policy, id_, said, app.writers.actor or _SOURCE, _SOURCE, ordered
        )

    return _run_for_recipient(brand, ref, act)


def _run_for_recipient(brand: str, ref: str, act: Callable[[App, Policy, int], Awaitable[_T]]) -> _T:
    """Finds a recipient of a brand and runs `act` for them. A refusal ends the command with its reason."""

    async def main(app: App) -> _T:
        policy = app.policies.get(brand)
        if policy is None:
            raise UnknownRecipient(f"there is no brand {brand}; there are {', '.join(app.policies)}")
        recipient_id = await app.standings.find_recipient_id(brand, ref)
        if recipient_id is None:
            raise UnknownRecipient(f"{brand} has no recipient {ref}")
        return await act(app, policy, recipient_id)

    try:
        return run_with_app(main)
    except ForbiddenByLegalHold as error:
        exit_with_error(str(error), 1)
    except (UnknownRecipient, LegalHoldRefused, NoLegalHold, DisclosureRefused) as error:
        exit_with_error(str(error), 2)
