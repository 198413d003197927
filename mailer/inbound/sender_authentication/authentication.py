"""The authentication of a received message's sender."""

import asyncio
from dataclasses import dataclass

from mailer.inbound.sender_authentication.dkim import verify_dkim
from mailer.inbound.sender_authentication.dkim_signature import DkimResult
from mailer.inbound.sender_authentication.dmarc import DmarcEvaluation, DmarcResultCode, evaluate_dmarc
from mailer.inbound.sender_authentication.message_head import read_from_address, split_message
from mailer.policy.spf_record import SpfResult
from mailer.ports.dns_lookup import Address, DnsLookup
from mailer.runtime.spf_evaluation import SpfIdentity, SpfVerdict, evaluate_spf


@dataclass(frozen=True, slots=True)
class SmtpEnvelope:
    """The SMTP session in which a message came.

    Attributes:
        peer: the address of the client that handed the message to us from outside. None if it is not known: a message
            from a file, an IMAP mailbox or a relay of our own (LMTP). Then only DKIM can prove the sender.
        helo: the name that the client gave itself.
        mail_from: the address of MAIL FROM; empty for the null sender.
    """

    peer: Address | None
    helo: str
    mail_from: str


@dataclass(frozen=True, slots=True)
class SenderAuthentication:
    """The proofs of a message about its sender.

    A proof covers the From, the subject and the body. It says nothing of the time or the recipient: anybody can send a
    signed message again, to others too (RFC 6376 8.6). An act that harms needs a confirmation all the same.

    Attributes:
        spf: the result for MAIL FROM, or for the HELO name of a null sender (RFC 7208 2.4).
        dkim: the result of each signature that was looked at.
        dmarc: the result for the From.
        from_address: the address of the From, as it is written; None if it is not exactly one plain ASCII address, or
            the head is out of form. Compare a person's address with this one, and read the From in no other way.
        from_domain: the domain of the From in lower case, or None.
    """

    spf: SpfVerdict
    dkim: tuple[DkimResult, ...]
    dmarc: DmarcEvaluation
    from_address: str | None
    from_domain: str | None

    @property
    def is_from_proven(self) -> bool:
        """The domain of the From authorized this message: DMARC passes. A domain without record proves nothing."""
        return self.from_address is not None and self.dmarc.result is DmarcResultCode.PASS


async def authenticate_sender(
    envelope: SmtpEnvelope, message: bytes, lookup: DnsLookup, now: int
) -> SenderAuthentication:
    """Returns what a message proves of its sender (RFC 7208, 6376, 9989).

    It raises nothing for a hostile message or record. It takes at most 40 seconds, when the DNS is silent.

    Args:
        envelope: the SMTP session.
        message: header and body as they came.
        lookup: queries the DNS.
        now: seconds since the epoch.
    """
    parts = split_message(message)
    author = read_from_address(parts) if parts else None
    spf, dkim = await asyncio.gather(
        _check_spf(envelope, lookup),
        verify_dkim(lookup, parts, now) if parts else _no_results(),
    )
    if author is None:
        return SenderAuthentication(spf, dkim, DmarcEvaluation(DmarcResultCode.PERMERROR), None, None)
    dmarc = await evaluate_dmarc(lookup, author.domain, spf, dkim)
    return SenderAuthentication(spf, dkim, dmarc, author.address, author.domain)


async def _no_results() -> tuple[DkimResult, ...]:
    return ()


async def _check_spf(envelope: SmtpEnvelope, lookup: DnsLookup) -> SpfVerdict:
    local, _, domain = envelope.mail_from.rpartition("@")
    if not envelope.mail_from:
        domain = envelope.helo
    if envelope.peer is None:
        return SpfVerdict(SpfResult.NONE, domain.lower(), "the client is not known")
    return await evaluate_spf(lookup, SpfIdentity(envelope.peer, domain, local, envelope.helo))
