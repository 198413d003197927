"""Bounces: the fate of each recipient, from the fields of a report, or from the text of a notice."""

from mailer.inbound.reports.automatic_reply import automatic_reply_reason
from mailer.inbound.reports.bounce_signs import (
    action_of_notice,
    has_bounce_subject,
    has_bounce_words,
    has_null_sender,
    is_from_mail_system,
)
from mailer.inbound.reports.delivery_status import (
    DeliveryStatus,
    RecipientStatus,
    find_delivery_status,
    parse_delivery_status,
    read_delivery_status,
)
from mailer.inbound.reports.failed_addresses import (
    ADDRESS,
    MAX_ADDRESSES,
    FailedAddress,
    context_of_address,
    find_listed_addresses,
    find_mentioned_addresses,
)
from mailer.inbound.reports.failure_class import (
    MAX_DIAGNOSTIC,
    class_of_failure,
    find_reply,
    status_of_text,
    words_of,
)
from mailer.inbound.reports.failure_words import class_by_words
from mailer.inbound.reports.flufl_detectors import addresses_by_flufl
from mailer.inbound.reports.header_fields import HeaderFields, read_addresses
from mailer.inbound.reports.mime_parts import Part, is_attached_message
from mailer.inbound.reports.notice_text import Notice, unquoted_text
from mailer.inbound.reports.received_report import BounceClass, RecipientAction, ReportedRecipient


def delivery_status_of(message: Part, notice: Notice) -> DeliveryStatus | None:
    """Returns the fields of a delivery status notification; None if the message has none."""
    if part := find_delivery_status(message, inside_messages=is_from_mail_system(message.header)):
        return read_delivery_status(part)
    text = notice.text
    if "final-recipient:" in text.lower() and is_bounce_text(message, notice):
        found = parse_delivery_status(text)  # a gateway made plain text of the fields
        return found if found.recipients else None
    return None


def is_bounce_text(message: Part, notice: Notice) -> bool:
    """Tells whether a message without fields is a notice about a delivery: two of three signs must agree.

    The signs are the sender, the subject, and words that are no quote. A subject and words of somebody who is no mail
    system count only with an address or a returned message, since people write of deliveries too. A null sender counts
    less, since automatic replies have it too. An answer ("Re:") to a notice has at most two of them, so there the words
    must begin the text, and an address must stand by itself.
    """
    header, words = message.header, unquoted_text(notice.text)
    of_system, of_subject = is_from_mail_system(header), has_bounce_subject(header.first("subject"))
    if not has_bounce_words(words):
        return of_subject and (of_system or has_null_sender(header))
    if of_system or (of_subject and (ADDRESS.search(words) or _returns_message(message))):
        return True
    if has_null_sender(header) and automatic_reply_reason(header, notice.text) is None:
        return True
    if not has_bounce_subject(header.first("subject"), answered=True):
        return False
    begin = "\n".join([line for line in words.split("\n") if line.strip(" *-=\t")][:2])
    return has_bounce_words(begin) and any(ADDRESS.fullmatch(line.strip(" <>*:\t")) for line in words.split("\n")[:40])


def _returns_message(message: Part) -> bool:
    return any(is_attached_message(part) for part in message.walk() if part is not message)


def recipients_of_status(found: DeliveryStatus, notice: Notice) -> tuple[ReportedRecipient, ...]:
    """Returns the recipients of a delivery status notification. If one stands twice, a final failure counts."""
    about = {one.address.lower(): one.context for one in find_listed_addresses(notice.lines, frozenset())}
    by_address: dict[str, ReportedRecipient] = {}
    alone = len(found.recipients) == 1
    for one in found.recipients:
        if not one.address:
            continue
        context = about.get(one.address.lower()) or (notice.text[:3000] if alone and not about else "")
        read = _recipient_of_fields(one, context)
        before = by_address.get(one.address.lower())
        if before is None or (before.action is not RecipientAction.FAILED and read.action is RecipientAction.FAILED):
            by_address[one.address.lower()] = read
    return tuple(by_address.values())


def recipients_of_text(message: Part, notice: Notice, returned: HeaderFields) -> tuple[ReportedRecipient, ...]:
    """Returns the recipients that the text of a notice names.

    Args:
        message: the notice.
        notice: its text.
        returned: the header of the returned message. If the text names nobody, its only To is the recipient, unless
            that is a mailing list.
    """
    header = message.header
    action = action_of_notice(header.first("subject"), notice.text)
    found = _failed_addresses(message, notice) or [
        FailedAddress(address, "") for address in _only_recipient_of(returned)
    ]
    shared = len(found) > 1 and any(not _names_cause(one.context) for one in found)
    return tuple(_recipient_of_context(one, action, notice, shared=shared) for one in found)


def _failed_addresses(message: Part, notice: Notice) -> list[FailedAddress]:
    header = message.header
    ours = frozenset(
        address.lower() for name in ("from", "to", "sender", "reply-to") for _, address in header.addresses(name)
    )
    found = find_listed_addresses(notice.lines, ours)
    if named := header.by_name.get("x-failed-recipients"):
        contexts = {one.address.lower(): one for one in found}
        listed = [address for _, address in read_addresses(", ".join(named)[:4000]) if "@" in address][:MAX_ADDRESSES]
        if listed:
            return [contexts.get(address.lower()) or _named(address, notice) for address in listed]
    return (
        found
        or [_named(address, notice) for address in addresses_by_flufl(message, notice)]
        or find_mentioned_addresses(notice.lines, ours)
    )


def _named(address: str, notice: Notice) -> FailedAddress:
    return FailedAddress(address, context_of_address(notice.lines, address))


def _only_recipient_of(returned: HeaderFields) -> list[str]:
    if any(returned.by_name.get(name) for name in ("x-beenthere", "list-post", "newsgroups")):
        return []
    to = [address for _, address in returned.addresses("to") + returned.addresses("cc") if "@" in address]
    return to if len(to) == 1 else []


def _recipient_of_fields(one: RecipientStatus, context: str) -> ReportedRecipient:
    reply = find_reply(one.diagnostic)
    evidence = f"{one.diagnostic}\n{one.comment}"
    if reply is None and class_by_words(words_of(evidence)) is None:
        reply = find_reply(context, one.address) if (one.status or "5.0.0").endswith(".0.0") else None
        evidence = f"{evidence}\n{context}"
    status = (reply.status if reply else None) or status_of_text(one.diagnostic) or one.status
    # Advice such as "common causes: the mailbox is full" is no cause if the server has named one.
    more = "" if class_by_words(words_of(one.diagnostic)) is BounceClass.HARD else context
    return ReportedRecipient(
        address=one.address,
        action=one.action,
        status=status,
        code=reply.code if reply else None,
        bounce_class=class_of_failure(one.action, one.status, reply, evidence, more),
        diagnostic=_one_line(one.diagnostic or (reply.text if reply else "") or one.comment),
    )


def _recipient_of_context(
    one: FailedAddress, action: RecipientAction, notice: Notice, *, shared: bool
) -> ReportedRecipient:
    """Returns the fate of an address that a text names.

    `shared`: the text names a cause for some of several addresses only, so a cause that does not name this address may
    be another one's, and makes it soft at most.
    """
    evidence = one.context
    reply = find_reply(evidence, one.address)
    if not _names_cause(evidence):
        whole = unquoted_text(notice.text)[:4000]
        reply = find_reply(whole, one.address)
        evidence = reply.text if reply and one.address.lower() in reply.text.lower() else whole
    status = (reply.status if reply else None) or status_of_text(evidence)
    if not shared and reply is None and status is None:
        status = status_of_text(unquoted_text(notice.text))
    found = class_of_failure(action, status, reply, evidence)
    if shared and found is BounceClass.HARD and not (reply and one.address.lower() in reply.text.lower()):
        found = BounceClass.SOFT
    return ReportedRecipient(
        address=one.address,
        action=action,
        status=status,
        code=reply.code if reply else None,
        bounce_class=found,
        diagnostic=_one_line(reply.text if reply else evidence),
    )


def _names_cause(text: str) -> bool:
    return find_reply(text) is not None or class_by_words(words_of(text)) is not None


def _one_line(text: str) -> str:
    """Returns a text on one line, without characters that a terminal or a page would obey."""
    shown = "".join(char if char.isprintable() else " " for char in text[: 2 * MAX_DIAGNOSTIC])
    return " ".join(shown.split())[:MAX_DIAGNOSTIC]
