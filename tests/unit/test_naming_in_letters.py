"""Names of people in a dead letter: found by address and ref, however its publisher wrote them."""

import encodings
import json
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.postgres.address_hashing import AddressHasher
from mailer.postgres.person_keys_in_bodies import _CHARSETS, find_person_keys_in_body, key_of_address_hash, key_of_ref

HASHER = AddressHasher("a key of these tests and of nothing else")
ADDRESS = "ada.lovelace@example.org"
REF = "user-17"
KEY = "interpals.newsletter"


def is_named(body: bytes, address: str = ADDRESS, routing_key: str = KEY) -> bool:
    """Tells whether an erasure of an address finds a body."""
    return key_of_address_hash(HASHER.hash_address(address)) in find_person_keys_in_body(body, routing_key, HASHER)


def has_ref(body: bytes, ref: str = REF, brand: str = "interpals", routing_key: str = KEY) -> bool:
    """Tells whether an erasure of a brand's ref finds a body."""
    return key_of_ref(HASHER, brand, ref) in find_person_keys_in_body(body, routing_key, HASHER)


@pytest.mark.parametrize(
    "body",
    [
        b'{"to": {"people": [{"ref": "x", "email": "ada.lovelace@example.org"}]}}',
        b'{"email": "ada.lovelace\\u0040example.org"}',
        b'{"email": "\\u0061da.lovelace@example.org"}',
        b'{"email": "ADA.Lovelace@EXAMPLE.org"}',
        b'{"email": " ada.lovelace@example.org "}',
        b'{"email": "ada.lovelace@example.org."}',
        b'{"reply_to": "Ada <ada.lovelace@example.org>"}',
        b'{"context": {"link": "https://a.example/?to=ada.lovelace%40example.org&x=1"}}',
        b'{"context": {"ada.lovelace@example.org": 1}}',
        b'{"context": [["mailto:ada.lovelace@example.org?subject=x"]]}',
        b'{"email": "ada.lovelace@example.org", "email": "other@example.org"}',
        b'{"email": "ada.lovelace@example.org"',
        b'{"email": "ada.lovelace\\u0040example.org"',
        b"\xff ada.lovelace@example.org \x00",
        "ref;email\n1;ada.lovelace@example.org\n".encode("utf-16"),
        b"[" * 100_000 + b'"ada.lovelace@example.org"',
        b'{"context": {"inner": "{\\"email\\": \\"ada.lovelace\\\\u0040example.org\\"}"}}',
        b'{"context": {"html": "<b>ada.lovelace&#64;example.org</b>"}}',
        b'{"context": {"link": "https://a.example/?to=ada%2Elovelace@example.org"}}',
        b'{"context": {"link": "https://a.example/?next=%2F%3Fto%3Dada.lovelace%2540example.org"}}',
        b'{"context": {"link": "https://me@a.example/ada.lovelace@example.org"}}',
        b'{"email": "\\"ada.lovelace\\"@example.org"}',
        b'{"email": "\\"ada.lovelace\\"@example.org"',
        b'{"email": "x@ada.lovelace@example.org"}',
        b'{"x": "' + b"x" * 100_000 + b'=ada.lovelace@example.org"}',
    ],
)
def test_an_address_is_found_however_it_is_written(body: bytes) -> None:
    """An address is found as JSON codes, in another case, in a URL, as a key, twice, cut off, or outside of JSON."""
    assert is_named(body)
    assert not is_named(body, "love@example.org")


@pytest.mark.parametrize(
    ("written", "person"),
    [
        ("ada@münchen.example", "ada@xn--mnchen-3ya.example"),
        ("ada@xn--mnchen-3ya.example", "ada@MÜNCHEN.example"),
        ("jose\u0301@example.org", "josé@example.org"),
        ("straße@example.org", "STRAßE@example.org"),
    ],
)
def test_an_address_is_compared_as_suppressions_are(written: str, person: str) -> None:
    """Two spellings of one mailbox are one, in Unicode and as A-labels."""
    for body in (
        json.dumps({"email": written}),
        json.dumps({"email": written}, ensure_ascii=False),
        f"no JSON {written}",
    ):
        assert is_named(body.encode(), person), body


@pytest.mark.parametrize(
    "body",
    [
        b'{"to": {"refs": ["a", "user-17"]}}',
        b'{"to": {"people": [{"ref": "user-17"}]}}',
        b'{"inviter": "user\\u002d17"}',
        b'{"v": 1, "account": "erase", "ref": "user-17"}',
        b'{"to": {"refs": ["a", "user-17", "b"',
        b'{"ref" : "user\\u002d17", oops',
    ],
)
def test_a_ref_is_found(body: bytes) -> None:
    """A ref is found in the fields that hold refs, even in an event that could not be accepted."""
    assert has_ref(body)
    assert not has_ref(body, brand="paltalk-2006")


def test_a_ref_is_of_one_brand_and_no_other_text() -> None:
    """Another brand's, and the same word elsewhere, are left alone; a number stands for itself."""
    assert not has_ref(b'{"v": "user-17", "context": {"name": "user-17"}}')
    assert has_ref(b'{"brand": "paltalk-2006", "ref": "user-17"}', brand="paltalk-2006", routing_key="x")
    assert has_ref(b'{"ref": 17}', "17")
    assert has_ref(b'{"ref": 17, oops', "17")


@pytest.mark.parametrize(
    ("body", "address"),
    [
        ("josé@example.org".encode("cp1252"), "josé@example.org"),
        (b'{"email": ".a..b.@docomo.ne.jp"}', ".a..b.@docomo.ne.jp"),
        (b'{"email": "\\".a..b.\\"@docomo.ne.jp"}', ".a..b.@docomo.ne.jp"),
    ],
    ids=["of an old encoding", "with dots", "with dots, in quotes"],
)
def test_an_unusual_address_is_found(body: bytes, address: str) -> None:
    """An address is found in bytes that are no UTF-8, and with dots where RFC 5322 has none."""
    assert is_named(body, address)


def test_who_is_named_beside_the_body_is_found() -> None:
    """A publisher may make its ids and routing keys of addresses."""
    key = key_of_address_hash(HASHER.hash_address(ADDRESS))
    assert key in find_person_keys_in_body(b"", KEY, HASHER, f"welcome-to/{ADDRESS}")
    assert key in find_person_keys_in_body(b"", f"interpals.{ADDRESS}".replace("interpals.", "interpals/"), HASHER)


@pytest.mark.parametrize(
    "body",
    [
        b'{"x": "%b @"}' % (b"a" * 4_000_000),
        b'{"x": "%b@x"}' % (b"=a" * 2_000_000),
        b'{"x": "%b' % (b"%25" * 999),
        b"=?utf-8?q?" * 400_000,
        b"=?utf-8?q?a?= " * 100_000,
        b"=?punycode?q?%b?=" % (b"a" * 2_000_000),
        "\u0301\u0316".encode() * 250_000,
    ],
    ids=["before an @", "signs before an @", "percent", "no word", "words", "Punycode", "marks"],
)
def test_a_body_that_is_made_to_be_slow_is_not(body: bytes) -> None:
    """Each part is read with only the text that can belong to it. Else the time would grow with the square of the size.

    Whoever may publish could hold a process for hours, with one letter that cannot be delivered.
    """
    assert len(find_person_keys_in_body(body, KEY, HASHER)) < 100


@pytest.mark.parametrize(
    "text",
    [
        "=?utf-8?q?ada.lovelace=40ex?= =?utf-8?q?ample.org?=",
        "=?utf-8?b?YWRhLmxvdmVsYWNlQGV4?=\r\n =?utf-8?b?YW1wbGUub3Jn?=",
        "=?nope?q?ada?= =?ISO-8859-1*de?Q?,_ada.lovelace=40example.org?=",
        "=?utf-8?b?YW1?= =?utf-8?q?_ada.lovelace=40example.org?=",
    ],
)
def test_encoded_words_are_read(text: str) -> None:
    """Encoded words are read one after the other, with any text beside them."""
    assert is_named(json.dumps({"x": text}).encode())


@pytest.mark.parametrize(
    ("charset", "name"),
    [
        (charset, "\u5c71")
        for charset in ("cp932", "Shift_JIS", "cp950", "Big5-HKSCS", "GB18030", "HZ-GB-2312", "UTF-32")
    ]
    + [(charset, "\uae40") for charset in ("cp949", "ks_c_5601-1987", "johab")]
    + [(charset, "\u0e01") for charset in ("cp874", "TIS-620", "ISO-8859-11")]
    + [(charset, "\u0416") for charset in ("cp866", "KOI8-T", "mac-cyrillic", "windows-1251")]
    + [(charset, "\xe9") for charset in ("cp437", "IBM850", "macintosh", "cp037", "ISO-8859-15", "utf-8-sig")],
)
def test_an_encoded_word_is_read_in_any_charset(charset: str, name: str) -> None:
    """Old programs write those of their system, whose letters beside the address are in no other."""
    octets = f"{name} <ada.lovelace@example.org>".encode(charset)
    assert is_named(json.dumps({"x": f"=?{charset}?b?{b64encode(octets).decode()}?="}).encode())


@pytest.mark.parametrize("charset", sorted(_CHARSETS))
def test_a_charset_is_read_whatever_the_octets(charset: str) -> None:
    """No charset raises an error, and none is a code of octets."""
    assert isinstance(bytes(range(256)).decode(charset, "replace"), str)


def test_charsets_that_nobody_knows_are_not_kept() -> None:
    """Python keeps each name that is looked up, for ever: a dead letter of 4 MiB has 200,000 of them."""
    kept = len(encodings._cache)
    find_person_keys_in_body("".join(f"=?none{number}?q?a?= " for number in range(500)).encode(), KEY, HASHER)
    assert len(encodings._cache) < kept + 10


def test_blanks_behind_encoded_words_stay() -> None:
    """A blank ends an encoded word. The text that follows is not a part of the word."""
    assert is_named(b"=?utf-8?q?hello?= ada.lovelace=?utf-8?b?QA==?=example.org")


DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda some: st.lists(some) | st.dictionaries(st.text(), some),
)


@given(st.binary(max_size=200) | DOCUMENTS.map(lambda document: json.dumps(document).encode()))
def test_no_body_is_too_strange(body: bytes) -> None:
    """The names in any body can be read, or there are none. No body raises an error."""
    assert isinstance(find_person_keys_in_body(body, KEY, HASHER), list)


@given(DOCUMENTS, st.booleans(), st.integers(0, 5))
def test_a_person_anywhere_in_a_document_is_found(document: Any, ascii_only: bool, cut: int) -> None:
    """However deep, and where the end of the document is missing."""
    whole = json.dumps([{"ref": REF, "email": ADDRESS}, document], ensure_ascii=ascii_only).encode(errors="replace")
    body = whole[: len(whole) - cut] if cut < len(json.dumps([document])) else whole
    assert is_named(body)
    assert has_ref(body)
