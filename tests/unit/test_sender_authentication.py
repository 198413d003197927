"""DMARC for one message, and the proof that a message is from the domain of its From."""

import asyncio
import ipaddress
import time
from collections.abc import Callable, Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.inbound.sender_authentication import dmarc
from mailer.inbound.sender_authentication.authentication import SenderAuthentication, SmtpEnvelope, authenticate_sender
from mailer.inbound.sender_authentication.dkim_signature import DkimOutcome, DkimResult
from mailer.inbound.sender_authentication.dmarc import DmarcEvaluation, DmarcResultCode, evaluate_dmarc
from mailer.policy.spf_record import SpfResult
from mailer.runtime.spf_evaluation import SpfVerdict
from tests.dkim_signatures import MESSAGE, key_record, private_key, sign
from tests.dmarc_cases import CASES, FAIL, PASS, TEMPERROR, dmarc_zone
from tests.dns_zone import WrittenZone
from tests.signed import kinds, signer

NOW = 1_700_000_100
PEER = ipaddress.ip_address("192.0.2.7")


def proofs(texts: Sequence[str]) -> tuple[SpfVerdict, list[DkimResult]]:
    """The results of SPF and DKIM: `=` is a pass, `?` a silent DNS. Others fail too, and prove nothing."""
    spf, signatures = SpfVerdict(SpfResult.FAIL, "example.com"), [DkimResult(DkimOutcome.FAIL, "example.com", "x")]
    signatures.append(DkimResult(DkimOutcome.POLICY, "example.com", "y"))
    for text in texts:
        is_silent = "?" in text
        kind, _, domain = text.replace("?", "=").partition("=")
        if kind == "spf":
            spf = SpfVerdict(SpfResult.TEMPERROR if is_silent else SpfResult.PASS, domain)
        else:
            signatures.append(DkimResult(DkimOutcome.TEMPERROR if is_silent else DkimOutcome.PASS, domain, "k"))
    return spf, signatures


@pytest.mark.parametrize(("records", "sender", "proven", "result", "policy", "organization"), CASES)
async def test_dmarc(
    records: Mapping[str, str],
    sender: str,
    proven: Sequence[str],
    result: DmarcResultCode,
    policy: str,
    organization: str,
) -> None:
    """The result, the treatment and the organization are those of RFC 9989."""
    assert await evaluate_dmarc(dmarc_zone(records), sender, *proofs(proven)) == DmarcEvaluation(
        result, policy, organization
    )


async def test_only_domains_within_the_organization_are_walked() -> None:
    """A stranger's signatures cost no queries: eight of them of other domains ask nothing."""
    zone = WrittenZone(txt={"_dmarc.example.com": ["v=DMARC1; p=none"]})
    strangers = [f"dkim={name}.a.b.c.d.e.f.example.net" for name in "ghijklm"] + ["dkim=badexample.com"]
    assert (await evaluate_dmarc(zone, "example.com", *proofs(strangers))).result is FAIL
    assert zone.asked == ["_dmarc.example.com", "_dmarc.com"]


async def test_a_walk_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A DNS that never answers gives `temperror`."""

    class Endless(WrittenZone):
        async def txt_records(self, name: str) -> Sequence[str]:
            await asyncio.Event().wait()
            return ()

    monkeypatch.setattr(dmarc, "SECONDS", 0.01)
    found = await evaluate_dmarc(Endless(), "example.com", *proofs(["dkim=example.com"]))
    assert found == DmarcEvaluation(TEMPERROR)


def zone() -> WrittenZone:
    """The records of mail.example, and of somebody else."""
    texts = {
        "k1._domainkey.mail.example": [key_record(private_key())],
        "k1._domainkey.evil.example": [key_record(private_key())],
        "_dmarc.mail.example": ["v=DMARC1; p=reject"],
        "_dmarc.evil.example": ["v=DMARC1; p=none"],
        "mail.example": ["v=spf1 ip4:192.0.2.0/24 -all"],
        "evil.example": ["v=spf1 ip4:198.51.100.0/24 -all"],
        "mx.mail.example": ["v=spf1 a -all"],
    }
    return WrittenZone(txt=texts, hosts={"mx.mail.example": ["192.0.2.9"]})


async def authenticated(
    message: bytes, mail_from: str = "", peer: str | None = None, helo: str = "mx.evil.example"
) -> SenderAuthentication:
    """The proofs of a message that came from this client."""
    envelope = SmtpEnvelope(ipaddress.ip_address(peer) if peer else None, helo, mail_from)
    return await authenticate_sender(envelope, message, zone(), NOW)


async def test_a_signed_message_is_proven() -> None:
    """DKIM alone proves the From, as for a message from a mailbox; the results are told."""
    found = await authenticated(sign())
    assert found == SenderAuthentication(
        spf=SpfVerdict(SpfResult.NONE, "mx.evil.example", "the client is not known"),
        dkim=(DkimResult(DkimOutcome.PASS, "mail.example", "k1"),),
        dmarc=DmarcEvaluation(PASS, "reject", "mail.example"),
        from_address="zoe@mail.example",
        from_domain="mail.example",
    )
    assert found.is_from_proven


async def test_our_own_mail_is_proven() -> None:
    """A reply of our own kind, with a From below the domain that signs."""
    records = {name: [record] for name, record in signer().dns_records().items()}
    zone = WrittenZone(txt=records | {"_dmarc.paltalk.example": ["v=DMARC1; p=reject"]})
    found = await authenticate_sender(SmtpEnvelope(None, "", ""), kinds()["newsletter"], zone, NOW)
    assert (found.is_from_proven, found.from_domain) == (True, "mail.paltalk.example")


@pytest.mark.parametrize(
    ("mail_from", "peer", "helo", "is_proven"),
    [
        ("zoe@mail.example", "192.0.2.7", "mx.evil.example", True),
        ("zoe@mail.example", "::ffff:192.0.2.7", "mx.evil.example", True),
        ("zoe@mail.example", "198.51.100.7", "mx.mail.example", False),
        ("zoe@mail.example", None, "mx.mail.example", False),
        ("zoe@evil.example", "198.51.100.7", "mx.mail.example", False),
        ("", "192.0.2.9", "mx.mail.example", True),
        ("", "192.0.2.8", "mx.mail.example", False),
        ("", "198.51.100.7", "mx.mail.example", False),
        ("mail.example", "192.0.2.7", "mx.evil.example", True),
        ("zoe@mail.example@evil.example", "198.51.100.7", "x", False),
        ("zoe", "192.0.2.7", "mail.example", False),
        ("zoe@", "192.0.2.9", "mx.mail.example", False),
    ],
)
async def test_spf_proves_an_unsigned_message(mail_from: str, peer: str | None, helo: str, is_proven: bool) -> None:
    """MAIL FROM proves the From if its domain names the client; the HELO name only for a null sender."""
    found = await authenticated(MESSAGE, mail_from, peer, helo)
    assert found.is_from_proven is is_proven
    assert found.dmarc.result is (PASS if is_proven else FAIL)


FORGED: dict[str, Callable[[], bytes]] = {
    "a stranger signs": lambda: sign(tags={"d": "evil.example"}),
    "a key of somebody else": lambda: sign(key=private_key("ed25519")),
    "two fields": lambda: b"From: zoe@evil.example\r\n" + sign(),
    "two fields, the other way": lambda: sign(b"From: zoe@evil.example\r\n" + MESSAGE, tags={"d": "evil.example"}),
    "two addresses": lambda: sign(MESSAGE.replace(b"<zoe@mail.example>", b"<zoe@mail.example>, x@evil.example")),
    "no address": lambda: sign(MESSAGE.replace(b"<zoe@mail.example>", b"")),
    "a display name that is an address": lambda: sign(
        MESSAGE.replace(b"Zoe <zoe@mail.example>", b"zoe@mail.example <x@evil.example>")
    ),
    "beyond ASCII": lambda: sign(MESSAGE.replace(b"Zoe", "Zo\u00eb".encode())),
    "a bare CR": lambda: sign(MESSAGE.replace(b"Subject:", b"X: y\rSubject:")),
    "no From": lambda: sign(MESSAGE.replace(b"From:", b"X-From:")),
    "only a part of the body": lambda: sign(tags={"l": "5"}),
    "expired": lambda: sign(tags={"x": "1700000001"}),
    "a subject that was not signed": lambda: sign(names=("from", "to")),
    "another subject": lambda: b"Subject: delete all\r\n" + sign(),
    "a domain without record": lambda: sign(
        MESSAGE.replace(b"mail.example", b"none.example"), tags={"d": "none.example"}
    ),
    "no head": lambda: b"",
    "nothing but bytes": lambda: b"\xff" * 1000,
}


@pytest.mark.parametrize("what", FORGED)
async def test_a_forged_message_is_not_proven(what: str) -> None:
    """Nobody passes for zoe@mail.example, even from a client that evil.example names."""
    found = await authenticated(FORGED[what](), "x@evil.example", "198.51.100.7")
    assert not found.is_from_proven
    assert found.dmarc.result is not PASS


@settings(max_examples=60, deadline=None)
@given(
    st.binary(max_size=200) | st.builds(sign) | st.sampled_from([MESSAGE, b"From: a@b.example\n\n"]),
    st.text(max_size=60),
    st.text(max_size=60),
    st.ip_addresses() | st.none(),
    st.lists(st.text(max_size=60) | st.sampled_from(["v=spf1 %{s} a mx ptr", "v=DMARC1; p=reject", "p="]), max_size=3),
)
def test_any_message_and_record_has_a_result(
    message: bytes,
    mail_from: str,
    helo: str,
    peer: ipaddress.IPv4Address | ipaddress.IPv6Address | None,
    texts: list[str],
) -> None:
    """No session, message or record raises, and random ones prove nothing."""

    class Same(WrittenZone):
        async def txt_records(self, name: str) -> Sequence[str]:
            return texts

    found = asyncio.run(authenticate_sender(SmtpEnvelope(peer, helo, mail_from), message, Same(), NOW))
    assert not found.is_from_proven or found.spf.result is SpfResult.PASS


async def test_a_hundred_messages_a_second() -> None:
    """One process authenticates more than a hundred signed messages in a second of its time (issue 17)."""
    message, asked = sign(MESSAGE + b"Some words of a text here and there.\r\n" * 500), zone()
    envelope = SmtpEnvelope(PEER, "mx.mail.example", "zoe@mail.example")
    begun = time.process_time()
    for _ in range(50):
        assert (await authenticate_sender(envelope, message, asked, NOW)).is_from_proven
    assert time.process_time() - begun < 0.5
