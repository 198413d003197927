"""The SMTP and LMTP sessions of reception, on aiosmtpd."""

import asyncio
from typing import Any, Final, cast

from aiosmtpd.smtp import SMTP, Envelope, Session

from mailer.inbound.mailboxes import MailboxDirectory
from mailer.inbound.reception.limits import ReceptionLimits
from mailer.metrics_and_logger import RECEIVED_MAIL, log
from mailer.ports.received_mail import MAX_OCTETS, NewReceivedMail, ReceivedMailStore
from mailer.runtime.error_kinds import error_type_and_place
from mailer.smtp_text_reading import read_smtp_text

MAX_RECIPIENTS: Final = 5
"""The most recipients of a message: reports and people write to one. A sender tries more again (RFC 5321 4.5.3.1)."""
MAX_UNKNOWN: Final = 10
"""The most unknown recipients in a session, before it is closed: whoever has more is looking for addresses."""
COMMAND_SECONDS: Final = 300.0
"""Seconds for a command, and for the text of a message (RFC 5321 4.5.3.2.7)."""
SESSION_SECONDS: Final = 1800.0
"""Seconds for a whole session. A client that only keeps its connection would take the place of others."""
_LATER: Final = "451 4.3.0 The message could not be stored; please try again later"
_UNKNOWN: Final = "550 5.1.1 There is no such mailbox here"


class ReceptionSession(SMTP):
    """A session of SMTP. Its commands are aiosmtpd's, except that a text has bounded memory, and nobody signs in.

    Args:
        handler: answers the commands.
        is_lmtp: the client speaks LMTP: LHLO for EHLO, and a reply for each recipient (RFC 2033 4.1, 4.2).
        arguments: of aiosmtpd.
    """

    def __init__(self, handler: "ReceptionHandler", *, is_lmtp: bool, **arguments: Any) -> None:
        super().__init__(
            handler,
            data_size_limit=MAX_OCTETS,
            enable_SMTPUTF8=True,
            timeout=COMMAND_SECONDS,
            ident="ESMTP",
            **arguments,
        )
        self.is_lmtp = is_lmtp
        self.unknown = 0
        self._limits = handler.limits
        self._is_counted = False
        self._end: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Counts the connection, except the second call for one that began TLS, and closes one too many."""
        super().connection_made(transport)
        if self._is_counted or self.session is None:
            return
        self._is_counted = self._limits.add_session(peer_host(self.session))
        if not self._is_counted:
            # uvloop's transports are no subclasses of asyncio's.
            client = cast(asyncio.WriteTransport, transport)
            client.write(b"421 4.7.0 Too many connections; please try again later\r\n")
            client.close()
        self._end = asyncio.get_running_loop().call_later(SESSION_SECONDS, self._close_connection)

    def _close_connection(self) -> None:
        if self.transport is not None:
            self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        """Forgets the connection."""
        if self._end is not None:
            self._end.cancel()
        if self._is_counted and self.session is not None:
            self._is_counted = False
            self._limits.remove_session(peer_host(self.session))
        super().connection_lost(error)

    async def smtp_LHLO(self, arg: str) -> None:
        """Greets an LMTP client."""
        await (super().smtp_EHLO(arg) if self.is_lmtp else self.push("500 5.5.1 This is SMTP; greet with EHLO"))

    async def smtp_EHLO(self, hostname: str) -> None:
        """Greets an SMTP client."""
        await (self.push("500 5.5.1 This is LMTP; greet with LHLO") if self.is_lmtp else super().smtp_EHLO(hostname))

    async def smtp_HELO(self, hostname: str) -> None:
        """Greets an old SMTP client."""
        await (self.push("500 5.5.1 This is LMTP; greet with LHLO") if self.is_lmtp else super().smtp_HELO(hostname))

    async def smtp_AUTH(self, arg: str) -> None:
        """Refuses to let anybody sign in: mail is taken for our own mailboxes only."""
        await self.push("502 5.5.1 Nobody signs in here")

    async def smtp_DATA(self, arg: str) -> None:
        """Reads a message, stores it, and answers then. aiosmtpd itself answers a DATA that is out of order."""
        if self.envelope is None or not self.envelope.rcpt_tos or arg:
            await super().smtp_DATA(arg)
            return
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        held = self._limits.hold_octets()
        try:
            text = await read_smtp_text(self._reader, held.may_hold)
            if text is not None:
                self.envelope.content = self.envelope.original_content = text
                answer = await self._call_handler_hook("DATA")
            elif held.is_refused_for_room:
                answer = "452 4.3.1 Too much mail arrives at once; please try again later"
            else:
                answer = f"552 5.3.4 The message is longer than {MAX_OCTETS} octets"
        finally:
            held.release_octets()
        count = len(self.envelope.rcpt_tos) if self.is_lmtp else 1
        self._set_post_data_state()  # type: ignore[no-untyped-call]
        await self.push("\r\n".join([answer] * count))


class ReceptionHandler:
    """The answers to the commands. aiosmtpd calls its methods by their names.

    Args:
        store: stores messages.
        mailboxes: finds the mailbox of a recipient.
        limits: shared by all sessions of the process.
    """

    def __init__(self, store: ReceivedMailStore, mailboxes: MailboxDirectory, limits: ReceptionLimits) -> None:
        self._store = store
        self._mailboxes = mailboxes
        self.limits = limits

    async def handle_EHLO(
        self, server: ReceptionSession, session: Session, envelope: Envelope, host: str, replies: list[str]
    ) -> list[str]:
        """Adds the extensions that hold here, and leaves AUTH out."""
        session.host_name = host
        kept = [reply for reply in replies[:-1] if not reply.startswith("250-AUTH")]
        return [*kept, "250-PIPELINING", "250-ENHANCEDSTATUSCODES", "250 HELP"]

    async def handle_RCPT(
        self, server: ReceptionSession, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Accepts a mailbox of ours, and refuses every other address."""
        if len(envelope.rcpt_tos) >= MAX_RECIPIENTS:
            return "452 4.5.3 Too many recipients; please send the rest in another message"
        if self._mailboxes.find_mailbox(address) is None:
            server.unknown += 1
            RECEIVED_MAIL.labels("none", "refused").inc()
            if server.unknown > MAX_UNKNOWN and server.transport is not None:
                asyncio.get_running_loop().call_soon(server.transport.close)
                return "421 4.7.0 Too many unknown mailboxes"
            return _UNKNOWN
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server: ReceptionSession, session: Session, envelope: Envelope) -> str:
        """Stores the message for each recipient in one transaction. 250 says that it is stored."""
        content = envelope.original_content or b""
        sender = envelope.mail_from or ""
        found = [(address, self._mailboxes.find_mailbox(address)) for address in dict.fromkeys(envelope.rcpt_tos)]
        mails = [
            NewReceivedMail(
                known.brand,
                known.mailbox,
                "" if sender == "<>" else sender,
                address,
                # Behind a mail server of ours, the client outside is not known.
                "" if server.is_lmtp else peer_host(session),
                session.host_name or "",
                content,
            )
            for address, known in found
            if known is not None
        ]
        try:
            await self._store.store_mail(mails)
        except Exception as error:
            log.warning("a received message could not be stored", error=error_type_and_place(error))
            return _LATER
        for mail in mails:
            RECEIVED_MAIL.labels(mail.mailbox, "stored").inc()
        return "250 2.0.0 Ok: stored"

    async def handle_exception(self, error: Exception) -> str:
        """Answers a bug, which must not end the session or show anything of the message."""
        log.error("a session of reception met a bug", error=error_type_and_place(error))
        return _LATER


def peer_host(session: Session) -> str:
    """Returns the network address of a client; empty if it has none, as over a socket file."""
    return str(session.peer[0]) if session.peer else ""
