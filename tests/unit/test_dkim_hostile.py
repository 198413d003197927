"""DKIM signatures and bodies that are made to keep a verifier busy."""

import time
import tracemalloc

import pytest

from mailer.inbound.sender_authentication import dkim as verification
from mailer.inbound.sender_authentication.dkim import MOST_SIGNATURES, verify_dkim
from mailer.inbound.sender_authentication.dkim_signature import DkimOutcome, DkimResult, parse_signature
from mailer.inbound.sender_authentication.message_head import split_message
from tests.dkim_signatures import MESSAGE, key_record, private_key, sign
from tests.dns_zone import WrittenZone

NOW = 1_700_000_100


async def verified(message: bytes) -> list[DkimResult]:
    """The results of the signatures."""
    parts = split_message(message)
    assert parts is not None
    zone = WrittenZone(txt={"k1._domainkey.mail.example": [key_record(private_key())]})
    return list(await verify_dkim(zone, parts, NOW))


@pytest.mark.parametrize(
    "body",
    [
        b" " * 10_000_000,
        b"aa\t" * 3_300_000,
        b"\r\n" * 5_000_000,
        b"\n" * 10_000_000,
        b"a " * 5_000_000,
        b"\r" * 10_000_000,
    ],
)
async def test_a_hostile_body_is_hashed_in_bounded_time_and_space(body: bytes) -> None:
    """10 MB of white space or line ends take less than a second and 100 MB for all signatures together."""
    field = sign()[: -len(MESSAGE)]
    fields = field * 4 + field.replace(b"c=relaxed/relaxed", b"c=simple/simple") * 4
    message = fields + MESSAGE.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" + body
    tracemalloc.start()
    try:
        begun = time.process_time()
        found = await verified(message)
        took, peak = time.process_time() - begun, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    is_too_long = body.startswith(b"\n")  # each line end becomes two bytes
    assert [one.outcome for one in found] == [DkimOutcome.POLICY if is_too_long else DkimOutcome.FAIL] * MOST_SIGNATURES
    assert (took < 1, peak < 100_000_000) == (True, True), (took, peak)


async def test_a_body_over_the_limit_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason is told."""
    monkeypatch.setattr(verification, "MOST_BODY_BYTES", 10)
    [found] = await verified(sign())
    assert (found.outcome, found.reason) == (DkimOutcome.POLICY, "the body is too long to be hashed")


@pytest.mark.parametrize(
    "value", [b" v=1;" + b"\r\n " * 5000, b" " + b";" * 16_000, b" h=" + b":" * 16_000, b" b" + b" =" * 8000]
)
def test_a_hostile_signature_is_read_at_once(value: bytes) -> None:
    """No white space or separator keeps the process busy."""
    begun = time.process_time()
    parse_signature(value, NOW)
    assert time.process_time() - begun < 0.1
