"""Addresses in their one form, made by the quick way or by the library."""

import re

from email_validator import EmailNotValidError, validate_email
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailer.events import Person
from mailer.input_types import MAX_LOCAL

ATEXT = r"a-zA-Z0-9_!#$%&'*+\-/=?^`{|}~"

LOCALS = st.one_of(
    st.from_regex(r"[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~@ \"<>()-]{0,70}", fullmatch=True), st.sampled_from(["Info", "NEWS"])
)
HOSTS = st.one_of(
    st.lists(
        st.text(
            st.sampled_from("abz09-")
            | st.characters(min_codepoint=0xA1, max_codepoint=0x24FF)
            | st.characters(min_codepoint=0x3041, max_codepoint=0x9FFF),
            min_size=1,
            max_size=12,
        ),
        min_size=1,
        max_size=4,
    ).map(".".join),
    st.from_regex(r"[ж-яё]{1,9}(\.[a-zж-я0-9-]{1,9}){1,3}", fullmatch=True),
    st.from_regex(r"[a-zA-Z0-9.-]{0,70}", fullmatch=True),
    st.from_regex(r"([a-zA-Z0-9-]{1,66}\.){1,4}[a-zA-Z0-9-]{1,20}", fullmatch=True),
    st.sampled_from(
        [
            "пример.рф",
            "Пример.рф",
            "a.рф",
            "рф",
            "пример.испытание",
            "ж" * 63 + ".com",
            "אב.example",
            "1.אב.com",
            "faß.de",
            "a\u00adb.рф",
            "l·l.cat",
            "a·b.cat",
            "xn--e1afmkfd.рф",
            "例え。テスト",
            "②.рф",
            "ab--ж.рф",
            "-ж.рф",
            "ж-.рф",
            "a_b.рф",
            "ж.123",
            "ж.test",
            "ж.local",
            "ж..рф",
            "ж.рф.",
            "नी\u200dक.com",
            "a.local",
            "test",
            "x.test",
            "mail.INVALID",
            "xn--bcher-kva.example",
            "xn--.com",
            "ab--c.com",
            "bücher.de",
        ]
    ),
)


@settings(max_examples=300, deadline=None)
@given(st.builds("{}@{}".format, LOCALS, HOSTS))
@example("Info@Example.COM")
@example("a.b+c@MAIL.Example.org")
@example(f"{'a' * 242}@example.com")
@example(f"{'a' * 243}@example.com")
@example(f"a@{'b' * 63}.com")
@example(f"a@{'b' * 64}.com")
@example(f"{'a' * 64}@example.com")
@example(f"{'a' * 65}@example.com")
@example(f"{'a' * 65}@bücher.example")
@example(f"{'ü' * 33}@example.com")
@example('"a..b"@example.com')
@example('"a.b"@Example.com')
@example(f'"{"a" * 61}."@example.com')
@example(f'"{"a" * 62}."@example.com')
@example('"."@example.com')
@example('"Info"@example.com')
@example('"a b"@example.com')
@example("a@example.com\n")
@example("a@example.c")
@example("a@example.123")
def test_the_quick_way_agrees_with_the_library(address: str) -> None:
    """Each address is accepted or refused as by email-validator, and gets the library's form.

    Local parts are the exception: a quoted string must be of atoms and dots, and 64 octets are the most.
    """
    try:
        parts = validate_email(address, check_deliverability=False, test_environment=True, allow_quoted_local=True)
        expected, local = parts.normalized, parts.local_part
    except EmailNotValidError:
        expected, local = None, ""
    quoted = address.startswith('"')
    if len(local.encode()) > MAX_LOCAL or (quoted and not re.fullmatch(rf'"?\.*[{ATEXT}][{ATEXT}.]*"?', local)):
        expected = None
    try:
        found = Person(ref="u1", email=address).email
    except ValueError:
        found = None
    assert found == (expected if len(address) <= 254 else None)


@given(
    st.from_regex(r"[a-z0-9.]{1,70}", fullmatch=True),
    st.sampled_from(
        ["docomo.ne.jp", "EZWEB.ne.jp", "t.vodafone.ne.jp", "au.com", "people.example", "ne.jp", "xau.com"]
    ),
)
def test_old_japanese_addresses_are_taken_quoted(local: str, domain: str) -> None:
    """Dots may stand wherever operators gave them out, without quotes; the one form is that of RFC 5321."""
    loose = bool(re.search(r"\.\.|^\.|\.$", local))
    form = f'"{local}"@{domain.lower()}' if loose else f"{local}@{domain.lower()}"
    fits = len(form.rpartition("@")[0]) <= MAX_LOCAL and local.strip(".") != ""
    known = not domain.endswith("example") and domain not in ("ne.jp", "xau.com")
    for written, taken in ((f"{local}@{domain}", fits and (known or not loose)), (f'"{local}"@{domain}', fits)):
        try:
            found = Person(ref="u1", email=written).email
        except ValueError:
            found = None
        assert found == (form if taken else None)
        assert found is None or Person(ref="u1", email=found).email == found
