"""The authentication of a sender over a real name server."""

import ipaddress

from mailer.inbound.sender_authentication.authentication import SmtpEnvelope, authenticate_sender
from mailer.inbound.sender_authentication.dkim_signature import DkimOutcome
from mailer.inbound.sender_authentication.dmarc import DmarcResultCode
from mailer.policy.spf_record import SpfResult
from mailer.runtime.system_resolver import SystemResolver
from tests.dkim_signatures import MESSAGE, key_record, private_key, sign
from tests.names import name_server
from tests.processes import free_port

NOW = 1_700_000_100
ENVELOPE = SmtpEnvelope(ipaddress.ip_address("192.0.2.7"), "mx.mail.example", "zoe@mail.example")


def in_strings(text: str, size: int) -> str:
    """A TXT record in strings of so many characters, as a zone file has it."""
    return " ".join(f'"{text[at : at + size]}"' for at in range(0, len(text), size))


async def test_records_in_many_strings() -> None:
    """The strings of a record are joined, records beyond ASCII beside it are left alone, a missing name is no error."""
    records = {
        ("k1._domainkey.mail.example", "TXT"): [in_strings(key_record(private_key()), 7)],
        ("_dmarc.mail.example", "TXT"): [in_strings("v=DMARC1; p=reject", 1), '"\\233\\255 other"'],
        ("mail.example", "TXT"): [in_strings("v=spf1 a:none.example mx -all", 3), '"\\233"'],
        ("mail.example", "MX"): ["10 mx.mail.example."],
        ("mx.mail.example", "A"): ["192.0.2.7"],
    }
    async with name_server(records) as server:
        found = await authenticate_sender(ENVELOPE, sign(), SystemResolver(server), NOW)
    assert (found.spf.result, found.dkim[0].outcome) == (SpfResult.PASS, DkimOutcome.PASS)
    assert (found.dmarc.result, found.is_from_proven) == (DmarcResultCode.PASS, True)


async def test_a_silent_name_server_proves_nothing() -> None:
    """Each part is a temporary error, so that the message can be looked at again."""
    resolver = SystemResolver(f"127.0.0.1:{free_port()}", seconds=0.2)
    found = await authenticate_sender(ENVELOPE, sign(MESSAGE), resolver, NOW)
    assert (found.spf.result, found.dkim[0].outcome) == (SpfResult.TEMPERROR, DkimOutcome.TEMPERROR)
    assert (found.dmarc.result, found.is_from_proven) == (DmarcResultCode.TEMPERROR, False)
