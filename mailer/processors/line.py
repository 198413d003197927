"""One connection to an SMTP relay, and the transaction that carries one message over it.

What the pool needs of a connection is `ready`, `transact`, `fell_at_once`, `drop` and `quit`; how a transaction is
spoken stays in here.
"""

import asyncio
import re
import ssl
from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace
from typing import Final, cast

import aiosmtplib

from mailer.policy.outcome import Outcome, Result
from mailer.policy.reply import classify, clean
from mailer.ports.processor import Outgoing
from mailer.processors.relay import Relay, Tls, is_loopback

_FAILURES: Final = (aiosmtplib.SMTPException, OSError)
"""Everything that a server or the network can do to a command; `TimeoutError` and `ssl.SSLError` are OSErrors."""
_STALE: Final = Outcome(Result.UNSENT, text="the connection had ended since its last message")
_UNSAFE: Final = re.compile(r"[\s<>]")
_CLOSING: Final = 421
_GO_AHEAD: Final = 354


class Line:
    """A connection that is made when it is needed, and made again when it has ended."""

    def __init__(self, relay: Relay, context: ssl.SSLContext | None, timeout: float) -> None:
        """Connects nothing yet.

        Args:
            relay: where to, and how.
            context: for TLS; decides which certificates are trusted.
            timeout: seconds to wait for a connection and for each reply.
        """
        self._relay = relay
        self._timeout = timeout
        self._client = aiosmtplib.SMTP(
            hostname=relay.host,
            port=relay.port,
            timeout=timeout,
            use_tls=relay.tls is Tls.IMPLICIT,
            start_tls=relay.tls is Tls.STARTTLS,
            tls_context=context,
            # Asking the resolver for our own name can take seconds, and loopback does not care.
            local_hostname="localhost" if is_loopback(relay.host) else None,
        )
        self._writer: asyncio.StreamWriter | None = None
        self._fresh = False

    @property
    def fell_at_once(self) -> bool:
        """Whether the connection ended with the first message since it was made."""
        return self._fresh and not self._client.is_connected

    async def ready(self, patience: float) -> str | None:
        """Connects, encrypts and authenticates, unless that is done.

        Args:
            patience: the most seconds that it may take.

        Returns:
            None if a transaction can begin, or why none can, with no credentials in it.
        """
        if self._client.is_connected:
            self._fresh = False
            return None
        try:
            async with asyncio.timeout(min(patience, self._timeout)):
                await self._client.connect()
                if self._client.is_ehlo_or_helo_needed:
                    await self._client.ehlo()
                await self._authenticate()
        except (*_FAILURES, UnicodeError) as error:
            self.drop()
            return f"{self._relay.name}: {_reason(error)}"
        transport, protocol = self._client.transport, self._client.protocol
        if transport is None or protocol is None:
            return f"{self._relay.name}: the connection ended as soon as it was made"
        writable = cast(asyncio.WriteTransport, transport)
        # With next to no buffer of its own, `drain` returns when all bytes have left this process.
        writable.set_write_buffer_limits(high=1)
        self._writer = asyncio.StreamWriter(writable, protocol, None, asyncio.get_running_loop())
        self._fresh = True
        return None

    async def transact(self, message: Outgoing) -> Outcome:
        """Offers one message on a connection that is ready; one recipient, so the one RCPT reply is its own.

        Returns:
            What came of it. UNSENT means only that a connection used before had ended, and that the message can be
            offered on a new one. A message is in doubt from the moment that its final dot is written until the reply
            to it is read; lost before that, it is deferred, which counts as an attempt, so that a message that
            always breaks the connection does not go round for ever.
        """
        parameters = _parameters(message, self._client.esmtp_extensions)
        if isinstance(parameters, Outcome):
            return parameters
        try:
            refusal = await self._envelope(message, parameters)
            if refusal is not None:
                return refusal
            await self._content(message.content)
        except _FAILURES as error:
            self.drop()
            return Outcome(Result.DEFERRED, text=f"lost before the final dot: {_reason(error)}")
        return await self._verdict()

    def drop(self) -> None:
        """Ends the connection without a word."""
        if self._writer is not None:
            self._writer.transport.abort()
            self._writer = None
        self._client.close()

    async def quit(self) -> None:
        """Ends the connection politely."""
        if self._client.is_connected:
            with suppress(*_FAILURES):
                await self._client.quit()
        self.drop()

    async def _authenticate(self) -> None:
        """Logs in, if there is a user name. What the server says to that may quote the secret, so it is not kept."""
        if self._relay.username is None:
            return
        try:
            await self._client.login(self._relay.username, self._relay.password)
        except aiosmtplib.SMTPResponseException as error:
            reply = str(error.code) if error.code > 0 else "no proper reply"
            raise aiosmtplib.SMTPException(f"AUTH refused with {reply}") from None

    async def _envelope(self, message: Outgoing, parameters: list[bytes]) -> Outcome | None:
        """MAIL, RCPT and DATA. None if the server now waits for the content."""
        try:
            mail = await self._client.execute_command(b"MAIL", b"FROM:" + _path(message.sender), *parameters)
        except _FAILURES:
            if self._fresh:
                raise
            self.drop()
            return _STALE
        if mail.code == _CLOSING and not self._fresh:
            return _STALE
        if mail.code // 100 != 2:
            refusal = _refusal(mail)
            # No recipient has been named yet, so whatever it says is not about one.
            return replace(refusal, result=Result.BLOCKED) if refusal.result is Result.REFUSED else refusal
        rcpt = await self._client.execute_command(b"RCPT", b"TO:" + _path(message.recipient))
        if rcpt.code // 100 != 2:
            return await self._reset(_refusal(rcpt))
        data = await self._client.execute_command(b"DATA")
        if data.code != _GO_AHEAD:
            return await self._reset(_refusal(data))
        return None

    async def _reset(self, outcome: Outcome) -> Outcome:
        """Takes back what was begun, so that the next MAIL is not nested; a server that cannot is left."""
        if self._client.is_connected:
            try:
                await self._client.rset()
            except _FAILURES:
                self.drop()
        return outcome

    async def _content(self, content: bytes) -> None:
        """Writes the content, dot-stuffed (RFC 5321 4.5.2), and, only once all of it has left, the final dot."""
        if self._writer is None or self._client.protocol is None:
            raise aiosmtplib.SMTPServerDisconnected("the connection ended")
        if not content.endswith(b"\r\n"):
            content += b"\r\n"
        stuffed = content.replace(b"\r\n.", b"\r\n..")
        async with asyncio.timeout(self._timeout):
            self._writer.write(b"." + stuffed if stuffed.startswith(b".") else stuffed)
            await self._writer.drain()
        if self._client.protocol is None:
            raise aiosmtplib.SMTPServerDisconnected("the connection ended")
        self._client.protocol.write(b".\r\n")

    async def _verdict(self) -> Outcome:
        """Reads the reply to the final dot. Whatever is not plainly one leaves the message in doubt."""
        try:
            if self._client.protocol is None:
                raise aiosmtplib.SMTPServerDisconnected("the connection ended")
            reply = await self._client.protocol.read_response(timeout=self._timeout)
            if reply.code // 100 not in (2, 4, 5):
                raise _nonsense(reply)
        except _FAILURES as error:
            self.drop()
            return Outcome(Result.IN_DOUBT, text=f"lost after the final dot: {_reason(error)}")
        if reply.code == _CLOSING:
            self.drop()
        return classify(reply.code, reply.message)


def _parameters(message: Outgoing, extensions: Collection[str]) -> list[bytes] | Outcome:
    """The parameters of MAIL, or why this message cannot be offered to a server with these extensions."""
    content = message.content
    addresses = message.sender + message.recipient
    if _UNSAFE.search(addresses) or not addresses.isprintable():
        return Outcome(Result.BLOCKED, status="5.5.4", text="not sent: an envelope address would break the command")
    if not content.count(b"\r\n") == content.count(b"\n") == content.count(b"\r"):
        return Outcome(Result.BLOCKED, status="5.6.0", text="not sent: a bare CR or LF in the message")
    if not addresses.isascii() and "smtputf8" not in extensions:
        return Outcome(Result.BLOCKED, status="5.6.7", text="not sent: the relay does not offer SMTPUTF8")
    if not content.isascii() and "8bitmime" not in extensions:
        return Outcome(Result.BLOCKED, status="5.6.3", text="not sent: the relay does not offer 8BITMIME")
    parameters = []
    if "size" in extensions:
        parameters.append(b"SIZE=%d" % len(content))
    if not content.isascii():
        parameters.append(b"BODY=8BITMIME")
    if not addresses.isascii():
        parameters.append(b"SMTPUTF8")
    return parameters


def _path(address: str) -> bytes:
    """An address as MAIL and RCPT take it; the empty one is the null sender."""
    return b"<" + address.encode() + b">"


def _refusal(reply: aiosmtplib.SMTPResponse) -> Outcome:
    """A reply that is neither success nor refusal breaks the dialogue, whatever it was meant to say."""
    if reply.code // 100 not in (4, 5):
        raise _nonsense(reply)
    return classify(reply.code, reply.message)


def _nonsense(reply: aiosmtplib.SMTPResponse) -> aiosmtplib.SMTPException:
    return aiosmtplib.SMTPException(f"unexpected reply {reply.code}")


def _reason(error: Exception) -> str:
    """What went wrong, in one line."""
    match error:
        case ssl.SSLCertVerificationError():
            text = f"the certificate is not trusted: {error.verify_message}"
        case aiosmtplib.SMTPResponseException():
            text = f"{error.code} {error.message}" if error.code > 0 else error.message
        case TimeoutError():
            text = str(error) or "no answer in time"
        case _:
            text = str(error) or type(error).__name__
    return " ".join(clean(text).split())
