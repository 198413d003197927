"""The ledger entries of deliveries: decisions, hand-overs and outcomes, with what the law wants of each."""

import hashlib

from mailer.pipeline.planned_delivery_moves import RoutedDelivery
from mailer.policy.category import Category
from mailer.policy.hand_over_outcome import Outcome
from mailer.policy.rule_registry import rule
from mailer.ports.deliveries import DeliveryRow
from mailer.ports.ledger_entry import EntryKind, LedgerEntry
from mailer.ports.processor import Processor
from mailer.rendering.mailing_renderer import MailingRenderer, RenderedMessage


@rule("hand-over-record", "interpals-11, interpals-23; GDPR Art. 30(1)(d)")
def build_hand_over_ledger_entry(draft: RoutedDelivery, rendered: RenderedMessage) -> LedgerEntry | None:
    """Each hand-over has a ledger row: processor, country, contract, purpose, the kinds of data, and the time."""
    category, processor = draft.send.category, draft.processor
    return build_delivery_entry(
        EntryKind.HAND_OVER,
        draft.row,
        draft.renderer,
        category,
        processor=processor.name,
        country=processor.country,
        contract=processor.contract,
        purpose=draft.renderer.template.purpose,
        fields=rendered.fields,
        reply=digest_of_mandatory_notice(category, rendered.outgoing.content),
        message_id=rendered.message_id,
    )


@rule("notice-proof", "interpals-15, paltalk06-23, paltalk06-24, peerstream-03")
def digest_of_mandatory_notice(category: Category, content: bytes) -> str | None:
    """The ledger keeps the digest of each copy of a notice that everyone must get, as proof of its content."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}" if category.tells_change else None


@rule("encrypted-way", "interpals-29, paltalk06-27; GDPR Art. 32(1)(a)")
def weakest_encryption_used(processor: Processor) -> str | None:
    """The ledger has the encryption with which each message left, and that its relay was checked."""
    return processor.weakest_encryption_used


def build_send_decision_entry(draft: RoutedDelivery) -> LedgerEntry:
    """Returns the entry of the decision to send; it says so if a person gets more service mail than is usual."""
    send = draft.send
    reason = "send over_rate" if send.alarm else "send"
    return build_delivery_entry(
        EntryKind.DECISION, draft.row, draft.renderer, send.category, reason=reason, rule=send.rule, policy=send.policy
    )


def build_delivery_entry(
    kind: EntryKind,
    row: DeliveryRow,
    renderer: MailingRenderer,
    category: Category,
    *,
    reason: str | None = None,
    rule: str | None = None,
    policy: str | None = None,
    processor: str | None = None,
    country: str | None = None,
    contract: str | None = None,
    purpose: str | None = None,
    fields: tuple[str, ...] | None = None,
    reply: str | None = None,
    message_id: str | None = None,
) -> LedgerEntry:
    """Returns a ledger entry about one delivery. `category` is the one that the mail is to this person."""
    return LedgerEntry(
        kind,
        renderer.facts.brand,
        row.mailing_id,
        row.recipient_id,
        row.attempt,
        category.name,
        reason,
        rule,
        policy,
        processor,
        country,
        contract,
        purpose,
        fields,
        reply,
        message_id,
    )


def reply_code_and_text(outcome: Outcome) -> str | None:
    """Returns the reply of a relay, with its code, or None if there was none."""
    text = f"{outcome.code or ''} {outcome.text}".strip()
    return text or None
