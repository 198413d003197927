"""Verification of DKIM: real keys, signatures of other makers, and whoever wants a false pass."""

import asyncio
import base64
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache

import dkim  # type: ignore[import-untyped]  # dkimpy has no types
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.inbound.sender_authentication import dkim as verification
from mailer.inbound.sender_authentication.dkim import MOST_SIGNATURES, verify_dkim
from mailer.inbound.sender_authentication.dkim_signature import DkimOutcome, DkimResult, parse_signature
from mailer.inbound.sender_authentication.message_head import split_message
from tests.dkim_signatures import MESSAGE, key_record, private_key, sign
from tests.dns_zone import WrittenZone
from tests.signed import KINDS, kinds, signer, tampered

NOW = 1_700_000_100
NAME = "k1._domainkey.mail.example"
PASS, FAIL, POLICY = DkimOutcome.PASS, DkimOutcome.FAIL, DkimOutcome.POLICY
TEMPERROR, PERMERROR = DkimOutcome.TEMPERROR, DkimOutcome.PERMERROR


@cache
def signed() -> bytes:
    """A signed message."""
    return sign()


async def verified(message: bytes, *records: str, zone: WrittenZone | None = None) -> list[DkimResult]:
    """The results of the signatures, with these records at the name of the key."""
    parts = split_message(message)
    assert parts is not None
    asked = zone or WrittenZone(txt={NAME: records or [key_record(private_key())]})
    return list(await verify_dkim(asked, parts, NOW))


async def outcome(message: bytes, *records: str) -> tuple[DkimOutcome, str]:
    """The outcome of the only signature, with its reason."""
    [result] = await verified(message, *records)
    return result.outcome, result.reason


@pytest.mark.parametrize("kind", KINDS)
async def test_our_own_mail_verifies(kind: str) -> None:
    """Both signatures of our mail pass, and no field can be added to it."""
    zone = WrittenZone(txt={name: [record] for name, record in signer().dns_records().items()})
    found = await verified(kinds()[kind], zone=zone)
    assert [(one.outcome, one.domain, one.selector) for one in found] == [
        (PASS, "paltalk.example", "r1"),
        (PASS, "paltalk.example", "e1"),
    ]
    for what, message in tampered(kinds()[kind]):
        if (parts := split_message(message)) is not None:
            assert [one.outcome for one in await verify_dkim(zone, parts, NOW)] == [FAIL, FAIL] or what.startswith(
                "Subject"
            ), what


@pytest.mark.parametrize(
    "form", ["relaxed/relaxed", "relaxed/simple", "simple/relaxed", "simple/simple", "relaxed", "simple"]
)
@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
async def test_signatures_of_another_maker_verify(form: str, kind: str) -> None:
    """Each canonical form and kind of key passes as dkimpy makes it; a changed word fails."""
    key = private_key(kind)
    message = sign(key=key, form=form)
    assert await outcome(message, key_record(key)) == (PASS, "")
    assert (await outcome(message.replace(b"Hello", b"Jello"), key_record(key)))[0] is FAIL
    assert (await outcome(message.replace(b"Zoe", b"Zoo"), key_record(key)))[0] is FAIL
    assert (await outcome(message.replace(b"\r\n", b"\n"), key_record(key)))[0] is PASS
    is_body_relaxed = form.endswith("/relaxed")
    assert (await outcome(message.replace(b"  you", b" you"), key_record(key)))[0] is (
        PASS if is_body_relaxed else FAIL
    )
    is_head_relaxed = form.startswith("relaxed")
    assert (await outcome(message.replace(b":  Leave", b": Leave"), key_record(key)))[0] is (
        PASS if is_head_relaxed else FAIL
    )


SIGNATURES: list[tuple[Mapping[str, str | None], DkimOutcome, str]] = [
    ({}, PASS, ""),
    ({"v": "2"}, PERMERROR, "version"),
    ({"v": None}, PERMERROR, "lacks v"),
    ({"d": None}, PERMERROR, "lacks d"),
    ({"d": "Mail.EXAMPLE"}, PASS, ""),
    ({"d": "example"}, PERMERROR, "no name"),
    ({"d": "mail..example"}, PERMERROR, "no name"),
    ({"d": "mail.example "}, PASS, ""),
    ({"s": "k 1"}, PERMERROR, "no name"),
    ({"s": "../k1"}, PERMERROR, "no name"),
    ({"i": "zoe@mail.example"}, PASS, ""),
    ({"i": "@sub.mail.example"}, PASS, ""),
    ({"i": "@gmail.example"}, PERMERROR, "i="),
    ({"i": "@example"}, PERMERROR, "i="),
    ({"c": "nofws"}, PERMERROR, "canonical form"),
    ({"c": "relaxed/relaxed/relaxed"}, PERMERROR, "canonical form"),
    ({"q": "dns/txt"}, PASS, ""),
    ({"q": "x : dns/txt"}, PASS, ""),
    ({"q": "http"}, PERMERROR, "q="),
    ({"a": "rsa-sha1"}, POLICY, "sha1"),
    ({"a": "rsa-md5"}, PERMERROR, "algorithm"),
    ({"a": "ed25519-sha256"}, PERMERROR, "another kind"),
    ({"l": "5"}, POLICY, "l="),
    ({"l": "0"}, POLICY, "l="),
    ({"l": "999999"}, POLICY, "l="),
    ({"x": "1700000101"}, PASS, ""),
    ({"x": "1700000100"}, FAIL, "expired"),
    ({"x": "1600000000"}, PERMERROR, "before it begins"),
    ({"x": "1600000000", "t": None}, FAIL, "expired"),
    ({"x": "-1"}, PERMERROR, "no time"),
    ({"x": "9" * 5000}, PERMERROR, "no time"),
    ({"t": "yesterday"}, PERMERROR, "no time"),
    ({"t": None}, PASS, ""),
    ({"h": "to:subject"}, PERMERROR, "cover From"),
    ({"h": ""}, PERMERROR, "lacks h"),
    ({"h": "from::to"}, PERMERROR, "h="),
    ({"h": ":".join(["from"] * 300)}, PERMERROR, "h="),
    ({"bh": "!"}, PERMERROR, "base64"),
    ({"bh": base64.b64encode(b"x" * 32).decode()}, FAIL, "body"),
    ({"z": "From:zoe"}, PASS, ""),
    ({"B": "x"}, PASS, ""),
    ({"1x": "y"}, PERMERROR, "list of tags"),
    ({"z": "x" * 20_000}, PERMERROR, "too long"),
]


@pytest.mark.parametrize(("tags", "expected", "reason"), SIGNATURES)
async def test_a_signature(tags: Mapping[str, str | None], expected: DkimOutcome, reason: str) -> None:
    """A signature passes only if each of its tags is in order (RFC 6376 6.1.1)."""
    found, said = await outcome(sign(tags=tags))
    assert (found, reason in said) == (expected, True), said


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (b" v=1;", b" v=1; v=1;", "v= twice"),
        (b" v=1;", b" v=1; b=;", "b= twice"),
        (b" v=1;", b" v=1;; ", "list of tags"),
        (b" v=1;", b" v=1; x;", "list of tags"),
        (b" v=1;", b" \xff v=1;", "ASCII"),
        (b"; b=", b"; b= =", "base64"),
    ],
)
async def test_a_signature_that_is_written_wrongly(before: bytes, after: bytes, reason: str) -> None:
    """A list of tags that is out of form is invalid as a whole (RFC 6376 3.2)."""
    message = sign()
    assert message.count(before) == 1
    found, said = await outcome(message.replace(before, after))
    assert (found, reason in said) == (PERMERROR, True), said


def record(**tags: str) -> str:
    """The record of the key that signs."""
    return key_record(private_key(), **tags)


RECORDS: list[tuple[Callable[[], Sequence[str]], DkimOutcome, str]] = [
    (lambda: [record()], PASS, ""),
    (lambda: [record(v="", k="")], PASS, ""),
    (lambda: [record().replace("p=MIIB", "p= MI IB") + ";"], PASS, ""),
    (lambda: [record(h="sha1:sha256", s="email", n="note", t="x")], PASS, ""),
    (lambda: [record(s="*")], PASS, ""),
    (lambda: [record(t="s")], PASS, ""),
    (lambda: [record(), "v=spf1 -all"], PASS, ""),
    (lambda: [key_record(private_key("rsa", 1024))], FAIL, "another key"),
    (lambda: [], PERMERROR, "no key"),
    (lambda: [""], PERMERROR, "no key"),
    (lambda: ["v=spf1 -all"], PERMERROR, "no key"),
    (lambda: [record(v="DKIM2")], PERMERROR, "no key"),
    (lambda: [record(v="") + "; v=DKIM1"], PERMERROR, "no key"),
    (lambda: [record() + "; p="], PERMERROR, "no key"),
    (lambda: [record(n="x" * 9000)], PERMERROR, "no key"),
    (lambda: [record(), record()], PERMERROR, "several"),
    (lambda: [record(p="")], PERMERROR, "revoked"),
    (lambda: [record(p="!!")], PERMERROR, "cannot be read"),
    (lambda: [record(p="AAAA")], PERMERROR, "cannot be read"),
    (lambda: [record(p="\u00e9")], PERMERROR, "cannot be read"),
    (lambda: [record(k="ed25519")], PERMERROR, "another kind"),
    (lambda: [record(k="dsa")], PERMERROR, "another kind"),
    (lambda: [record(h="sha1")], PERMERROR, "sha256"),
    (lambda: [record(s="tlsrpt")], PERMERROR, "not for mail"),
    (lambda: [record(t="y")], POLICY, "on trial"),
    (lambda: [record(t="s:y")], POLICY, "on trial"),
]


@pytest.mark.parametrize(("records", "expected", "reason"), RECORDS)
async def test_a_key_record(records: Callable[[], Sequence[str]], expected: DkimOutcome, reason: str) -> None:
    """A key is believed only if its record is in order, and there is one (RFC 6376 6.1.2)."""
    zone = WrittenZone(txt={NAME: records()})
    [found] = await verified(sign(), zone=zone)
    assert (found.outcome, reason in found.reason) == (expected, True), found.reason


async def test_a_key_for_the_domain_alone() -> None:
    """`t=s` requires that `i=` is of the same domain (RFC 6376 3.6.1)."""
    message = sign(tags={"i": "@sub.mail.example"})
    assert (await outcome(message, record(t="s")))[0] is PERMERROR
    assert (await outcome(message, record()))[0] is PASS


def rsa_record(bits: int, exponent: int = 65537) -> str:
    """The record of an RSA number of so many bits, as DER (RFC 8017 A.1.1), whose private half nobody knows."""

    def der(tag: int, content: bytes) -> bytes:
        size = len(content).to_bytes(4, "big").lstrip(b"\0") or b"\0"
        length = size if len(content) < 128 else bytes([0x80 + len(size)]) + size
        return bytes([tag]) + length + content

    numbers = (1 << (bits - 1)) + 1, exponent
    integers = b"".join(der(2, number.to_bytes(number.bit_length() // 8 + 1, "big")) for number in numbers)
    return f"v=DKIM1; p={base64.b64encode(der(0x30, integers)).decode()}"


@pytest.mark.parametrize(
    ("bits", "expected"), [(512, POLICY), (1023, POLICY), (1024, FAIL), (4096, FAIL), (4097, POLICY), (16384, POLICY)]
)
async def test_the_length_of_an_rsa_key(bits: int, expected: DkimOutcome) -> None:
    """Keys under 1024 bits prove nothing (RFC 8301 3.2), and those over 4096 would take long."""
    begun = time.process_time()
    found, said = await outcome(sign(), rsa_record(bits))
    assert found is expected or (bits < 1024 and "cannot be read" in said), said
    assert time.process_time() - begun < 0.5


@pytest.mark.parametrize("exponent", [1, 2, (1 << 2047) + 1])
async def test_a_strange_exponent_proves_nothing(exponent: int) -> None:
    """An exponent of 1 would make each text its own signature."""
    begun = time.process_time()
    assert (await outcome(sign(), rsa_record(2048, exponent)))[0] is not PASS
    assert time.process_time() - begun < 0.5


async def test_a_key_of_1024_bits_is_believed() -> None:
    """Many senders still have them."""
    key = private_key("rsa", 1024)
    assert await outcome(sign(key=key), key_record(key)) == (PASS, "")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda message: message, PASS),
        (lambda message: b"X-A: b\r\nReceived: c\r\n" + message, PASS),
        (lambda message: b"From: other@evil.example\r\n" + message, FAIL),
        (lambda message: b"Subject: other\r\n" + message, POLICY),
        (lambda message: message.replace(b"\r\n\r\n", b"\r\nSubject: other\r\n\r\n", 1), POLICY),
        (lambda message: message.replace(b"To: out", b"To: in"), FAIL),
        (lambda message: message + b"\r\n\r\n", PASS),
        (lambda message: message + b"more\r\n", FAIL),
        (lambda message: message.replace(b"b=", b"b=AAAA", 1), FAIL),
    ],
)
async def test_what_others_add(change: Callable[[bytes], bytes], expected: DkimOutcome) -> None:
    """A subject that the signature does not cover makes it prove nothing: a request can stand there."""
    assert (await outcome(change(sign(names=("from", "from", "to", "subject")))))[0] is expected


async def test_a_signature_without_subject_proves_nothing() -> None:
    """Others could write the subject of a mail without changing what was signed."""
    assert (await outcome(sign(names=("from", "to"))))[0] is POLICY
    bare = b"From: zoe@mail.example\r\n\r\nx\r\n"
    assert (await outcome(sign(bare, names=("from", "to"))))[0] is PASS


async def test_of_fields_with_one_name_the_lowest_is_signed_first() -> None:
    """RFC 6376 5.4.2: a field can be added above those that were signed, and not among them."""
    message = MESSAGE.replace(b"To:", b"Comments: one\r\nComments: two\r\nTo:")
    one, two = (
        sign(message, names=("from", "to", "subject", "comments")),
        sign(message, names=("from", "to", "subject", *["comments"] * 2)),
    )
    assert [(await outcome(one))[0], (await outcome(two))[0]] == [PASS, PASS]
    changed = [whole.replace(b"Comments: one", b"Comments: new") for whole in (one, two)]
    assert [(await outcome(changed[0]))[0], (await outcome(changed[1]))[0]] == [PASS, FAIL]


async def test_signatures_are_limited_and_keys_are_asked_for_once() -> None:
    """A stranger's hundred signatures cost eight; those of one key cost one query."""
    zone = WrittenZone(txt={NAME: [record()]})
    field = sign()[: -len(MESSAGE)]
    found = await verified(field * 100 + MESSAGE, zone=zone)
    assert [one.outcome for one in found] == [PASS] * MOST_SIGNATURES
    assert zone.asked == [NAME]


async def test_results_are_in_the_order_of_the_signatures() -> None:
    """A broken signature hides no good one."""
    broken = b"DKIM-Signature: v=1; a=x; d=Other.example; s=q\r\nDKIM-Signature: \r\n"
    found = await verified(broken + sign())
    assert [(one.outcome, one.domain, one.selector) for one in found] == [
        (PERMERROR, "other.example", "q"),
        (PERMERROR, "", ""),
        (PASS, "mail.example", "k1"),
    ]


async def test_a_silent_dns_is_a_temporary_error() -> None:
    """The message can be looked at again."""
    [found] = await verified(sign(), zone=WrittenZone(down=frozenset({NAME})))
    assert found.outcome is TEMPERROR


async def test_a_dns_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait for keys has an end."""

    class Endless(WrittenZone):
        async def txt_records(self, name: str) -> Sequence[str]:
            await asyncio.Event().wait()
            return ()

    monkeypatch.setattr(verification, "SECONDS", 0.01)
    [found] = await verified(sign(), zone=Endless())
    assert found.outcome is TEMPERROR


def as_dkimpy_says(message: bytes) -> bool:
    """The verdict of dkimpy on the first signature."""
    try:
        return bool(dkim.DKIM(message).verify(0, dnsfunc=lambda name, timeout=5: record().encode()))
    except dkim.DKIMException:
        return False


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(["relaxed/relaxed", "simple/simple", "relaxed/simple", "simple/relaxed"]),
    st.lists(st.sampled_from([b"a", b" ", b"\t", b"\r\n", b"\r", b".", b"=\r\n"]), max_size=12).map(b"".join),
    st.lists(st.sampled_from([b"a", b" ", b"\t", b"\r\n\ta", b"  "]), max_size=6).map(b"".join),
    st.sampled_from([(b"", b""), (b" ", b"  "), (b"\r\n", b"\r\n\r\n"), (b"a", b"b"), (b"\t", b" ")]),
)
def test_the_verdict_is_that_of_dkimpy(form: str, body: bytes, subject: bytes, change: tuple[bytes, bytes]) -> None:
    """Any body and subject, changed or not, passes here exactly where it passes there."""
    head, body = b"From: zoe@mail.example\r\nSubject: x" + subject + b"\r\n\r\n", body + b"\r\n"
    whole = sign(head + body, names=("from", "from", "subject", "subject"), form=form)
    start = len(whole) - len(head + body)
    changed = whole[:start] + head + body.replace(*change, 1) if change[0] else whole
    [found] = asyncio.run(verified(changed))
    assert (found.outcome is PASS) == as_dkimpy_says(changed), (form, found.reason)


@given(st.binary(max_size=300) | st.text("vabhdsctxlq=;: \r\n\t1/@.", max_size=200).map(str.encode))
def test_any_signature_is_read(value: bytes) -> None:
    """No value of a DKIM-Signature raises."""
    parse_signature(value, NOW)


@settings(max_examples=100)
@given(st.text(max_size=300) | st.text("vkphst=;: DKIM1rsaAB", max_size=200))
def test_any_key_record_is_read(text: str) -> None:
    """No TXT record raises or passes."""
    assert asyncio.run(outcome(signed(), text))[0] is not PASS
