"""Mail that was received for a brand: bounces, complaints, automatic replies, letters; and the events of webhooks."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol
from uuid import UUID

from mailer.ports.broker import BrokerMessage
from mailer.ports.feedback import FeedbackSubject
from mailer.ports.refusal_quarantine import HardRefusal
from mailer.ports.standings import StandingStore
from mailer.ports.suppressions import SuppressionStore

MAX_OCTETS: Final = 10 * 1024 * 1024
"""The most octets of a message that is accepted; SIZE says so to senders (RFC 1870)."""
CONTENT_DAYS_KEPT: Final = 30
"""Days for which the content of a message is kept, after it was handled."""
LATE_MINUTES: Final = 10
"""Minutes after which a message that is not handled is queued again; it is handled once all the same."""
ACKNOWLEDGEMENTS_A_DAY: Final = 3
"""The most automatic answers that a person gets in 24 hours, whatever they write."""
EXCHANGE: Final = "mailer.inbound"
"""The exchange, and the queue, for the ids of received messages."""


class Mailbox(StrEnum):
    """The mailboxes of a brand for which mail is accepted."""

    RETURN_PATH = "return_path"
    """The return path of one delivery, which is signed."""
    OPT_OUT = "opt_out"
    """The address to which a person may write to opt out, as the policy names it."""
    SUPPORT = "support"
    """The address of the brand's support, as the policy names it."""
    PRIVACY = "privacy"
    """The address for questions about data, as the policy names it."""
    REPLY = "reply"
    """An address from which the brand's mail comes: people answer there."""
    POSTMASTER = "postmaster"
    """`postmaster@`, which always exists (RFC 5321 4.5.1)."""
    ABUSE = "abuse"
    """`abuse@`, for complaints about the brand's mail (RFC 2142 4)."""
    WEBHOOK = "webhook"
    """No mailbox: an event that an e-mail service told by webhook."""


class ReceivedMailEffect(StrEnum):
    """The effect of a received message on the person whom it is about."""

    NONE = "none"
    """Nobody's standing changes."""
    ADDRESS_DEAD = "address_dead"
    """The address does not exist: nothing is sent to it any more."""
    QUARANTINED = "quarantined"
    """It is one of suspiciously many reports; `mailer quarantine` shows it."""
    SOFT_BOUNCE = "soft_bounce"
    """The mailbox takes no mail for now; the day is counted."""
    SENDER_FAULT = "sender_fault"
    """The receiver refuses our way of sending. Nobody's standing changes; enough of them pause the stream."""
    COMPLAINT = "complaint"
    """The person called the mail spam: no optional mail any more."""
    OPT_OUT = "opt_out"
    """The person left something."""
    LINK_SENT = "link_sent"
    """A link was asked for, which goes to the address on record, if it is somebody's: the sender is not proven."""
    WAITS = "waits"
    """A person has to look at it."""


@dataclass(frozen=True, slots=True)
class NewReceivedMail:
    """A message as the SMTP or LMTP session gives it.

    Attributes:
        sender: the address of MAIL FROM; empty for the null sender.
        recipient: the address of RCPT TO.
        peer: the network address of the client; empty if a mail server of ours is between (LMTP).
        helo: the name that the client gave.
        content: the message with its header, at most `MAX_OCTETS`.
    """

    brand: str
    mailbox: Mailbox
    sender: str
    recipient: str
    peer: str
    helo: str
    content: bytes


@dataclass(frozen=True, slots=True)
class ReceivedMail:
    """A stored message.

    Attributes:
        id: a UUIDv7. at: the time at which it was accepted. mail: as it was received.
    """

    id: UUID
    at: datetime
    mail: NewReceivedMail


@dataclass(frozen=True, slots=True)
class LetterWriter:
    """The writer of a letter, as the application calls them, and the country where they live, if that is known."""

    ref: str
    country: str | None


@dataclass(frozen=True, slots=True)
class LetterAcknowledgement:
    """An automatic answer to a letter.

    Attributes:
        recipient_id: the writer. It goes to the address on record.
        thread: the Message-IDs of the letter and of those before it. One of them may have had an answer.
        build_message: returns the event of the answer.
    """

    recipient_id: int
    thread: tuple[str, ...]
    build_message: Callable[[LetterWriter], BrokerMessage]


@dataclass(frozen=True, slots=True)
class ReceivedMailResult:
    """The result of handling a message.

    Attributes:
        kind: the kind of the message, such as `bounce`.
        effect: its effect.
        reason: the reason for the effect in words, without an address.
        recipient_id, mailing_id: the delivery that it answers, or the proven writer; None if it proves none.
        suggested: the requests that a letter may make, best first, for the person who reads it.
        acknowledgement: the automatic answer, which commits with the result unless the thread or the person has had
            enough of them; None: it gets none.
        reported: the status of a bounce, such as `5.1.1`, or the type of a complaint, such as `abuse`, for outcomes.
        counted: the optional mail that it is about, whose complaints and hard bounces are counted; None: no such mail.
        is_writer_proven: the recipient has written it. Else it answers a mail to them, which anybody may do who has it.
    """

    kind: str
    effect: ReceivedMailEffect
    reason: str
    recipient_id: int | None = None
    mailing_id: UUID | None = None
    suggested: tuple[str, ...] = ()
    acknowledgement: LetterAcknowledgement | None = None
    reported: str = ""
    counted: FeedbackSubject | None = None
    is_writer_proven: bool = False


@dataclass(frozen=True, slots=True)
class ReportedDelivery:
    """A delivery to which a report belongs.

    Attributes:
        brand: the brand of the mailing. category: of the mail for this person.
        attempt: the last attempt. processor: the processor that accepted it; None if none has.
        address: the person's present address; None if they have none any more.
        has_moved: they may have had another address when it was handed over.
        handed_over_at: the time of the last hand-over; None if the ledger has it no more.
    """

    brand: str
    category: str
    mailing_id: UUID
    recipient_id: int
    attempt: int
    processor: str | None
    address: str | None
    has_moved: bool = False
    handed_over_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ListedReceivedMail:
    """A received message in a list. The fields are those of `NewReceivedMail` and `ReceivedMailResult`."""

    id: UUID
    at: datetime
    brand: str
    mailbox: Mailbox
    sender: str
    state: str
    kind: str | None
    effect: str | None
    reason: str | None
    recipient_id: int | None
    mailing_id: UUID | None
    octets: int | None
    suggested: tuple[str, ...]
    is_writer_proven: bool


@dataclass(frozen=True, slots=True)
class LetterText:
    """The text of a letter as a person may look at it, with the fields of its header that they need."""

    sender: str
    to: str
    subject: str
    text: str


class LetterEnd(StrEnum):
    """The ends of a letter that waited for a person, as they say it."""

    DONE = "done"
    """The request was done."""
    ANSWERED = "answered"
    """Its writer has an answer."""
    NOTHING = "nothing"
    """It asks for nothing."""
    SPAM = "spam"
    """Nobody whom the brand knows has written it."""


class ReceivedMailHandledBefore(Exception):
    """The message was handled before, by this process or another one."""


@dataclass(frozen=True, slots=True)
class EffectStores:
    """The stores that the effect of a message may change. A change commits together with the message's result."""

    standings: StandingStore
    suppressions: SuppressionStore
    refusals: "ReportedRefusalStore"


class ReportedRefusalStore(Protocol):
    """Stores hard refusals that reports bring after a processor had accepted the message."""

    async def count_reported_refusal(self, processor: str, recipient_id: int) -> tuple[int, int]:
        """Counts one, unless one of the person was stored in the last hour.

        Returns the reported ones of the last hour, and the processor's answers of three days.
        """
        ...

    async def store_refusals_without_suppressing(
        self, processor: str, believed: Sequence[HardRefusal], doubted: Sequence[HardRefusal]
    ) -> None:
        """Stores refusals with the judgement."""
        ...

    async def suppress_addresses_of_believed_refusals(self, processor: str, believed: Sequence[HardRefusal]) -> None:
        """Suppresses the addresses as dead, if they are still their owners'."""
        ...


class ReceivedMailStore(Protocol):
    """Stores received messages."""

    async def store_mail(self, mails: Sequence[NewReceivedMail]) -> Sequence[UUID]:
        """Stores messages, and puts their ids into the outbox for the exchange `EXCHANGE`, in one transaction.

        A message with the same octets for the same recipient is stored once: its sender had no answer.
        Returns the ids of the new ones.
        """
        ...

    async def store_collected_mail(self, mail: NewReceivedMail) -> bool:
        """Stores a message that mailer fetched itself, as `store_mail` does.

        Returns False, and changes nothing, if a message with the same octets was ever collected before: in the same
        file or in another one, by IMAP, or before its content was deleted.
        """
        ...

    async def get_unhandled_mails(self, mail_ids: Sequence[UUID]) -> Mapping[UUID, ReceivedMail]:
        """Returns messages by id, without those that are handled or not known."""
        ...

    async def find_reported_deliveries(self, deliveries: Sequence[tuple[UUID, int]]) -> Sequence[ReportedDelivery]:
        """Returns the deliveries of verified return paths, without those of which mailer keeps nothing any more.

        Args:
            deliveries: the mailing and the recipient of each.
        """
        ...

    async def find_recipient_with_address(self, brand: str, address: str) -> int | None:
        """Returns a recipient of the brand with this address; None if nobody has it. All of them share opt-outs."""
        ...

    async def find_address_of_ref(self, brand: str, ref: str) -> str | None:
        """Returns the address of the recipient whom the application calls so; None if there is none."""
        ...

    def stores_committing_result(self, mail: ReceivedMail, result: ReceivedMailResult) -> EffectStores:
        """Returns stores whose changes commit together with the result of a message.

        A change raises `ReceivedMailHandledBefore`, and changes nothing, if the message has a result already.
        """
        ...

    async def add_notice_for_returned_mail(self, delivery: ReportedDelivery, status: str) -> None:
        """Adds a notice in writing with its ledger entry, if the delivery is a breach notice. Idempotent.

        Args:
            delivery: it was handed over, and came back for good.
            status: the reported status, such as `5.2.2`.
        """
        ...

    async def finish_mail(self, mail: ReceivedMail, result: ReceivedMailResult) -> None:
        """Stores the result of a message. Changes nothing if it has one already."""
        ...


class ReceivedMailReader(Protocol):
    """Shows received messages to operators."""

    async def list_mail(
        self, brands: Collection[str] | None, *, waiting: bool, limit: int
    ) -> Sequence[ListedReceivedMail]:
        """Returns the newest messages; with `waiting`, those at which a person has to look, the oldest first.

        Args:
            brands: the brands whose mail is listed; None: all.
            waiting: only what waits.
            limit: the most messages.
        """
        ...

    async def list_waiting_letters(
        self, brands: Collection[str], limit: int, *, asking: bool = False, after: UUID | None = None
    ) -> Sequence[ListedReceivedMail]:
        """Returns a page of the messages at which a person has to look, the oldest first.

        Args:
            brands: the brands whose mail is listed.
            limit: the most messages.
            asking: only those in which a request was recognised: who writes much of nothing cannot bury them.
            after: the last message of the page before; None: from the oldest on.
        """
        ...

    async def find_mail(self, mail_id: UUID) -> ListedReceivedMail | None:
        """Returns a message without its content; None if there is no such message."""
        ...

    async def read_mail(self, mail_id: UUID) -> tuple[ListedReceivedMail, bytes | None] | None:
        """Returns a message with its content, if that is still kept; None if there is no such message.

        That it was read stands in the ledger (`received_read`).
        """
        ...

    async def close_waiting_mail(self, mail_id: UUID, by: str, end: LetterEnd) -> bool:
        """Notes that a person has looked at a message, and its end, also in the ledger.

        Returns:
            False if it did not wait.
        """
        ...
