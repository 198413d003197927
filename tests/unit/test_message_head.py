"""The head of a received message, and the one address of its From."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.inbound.sender_authentication.message_head import MOST_FIELDS, read_from_address, split_message


def address(*froms: str, more: str = "") -> str | None:
    """The address of the From of a message with these From fields."""
    head = "".join(f"From:{one}\r\n" for one in froms) + more
    message = split_message(f"{head}\r\nbody\r\n".encode("utf-8", "surrogateescape"))
    found = read_from_address(message) if message else None
    return found.address if found else None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (" zoe@example.com", "zoe@example.com"),
        ("zoe@example.com", "zoe@example.com"),
        (" <zoe@example.com>", "zoe@example.com"),
        (" Zoe <zoe@example.com> ", "zoe@example.com"),
        (" Zoe M. <Zoe.M+tag@Mail.Example.COM>", "Zoe.M+tag@Mail.Example.COM"),
        (' "Zoe, (M) <x@y.example>" <zoe@example.com>', "zoe@example.com"),
        (' "a \\" b" <zoe@example.com>', "zoe@example.com"),
        (" =?utf-8?q?Zo=C3=AB_x=40y.example?= <zoe@example.com>", "zoe@example.com"),
        (" Zoe\r\n <zoe@example.com>", "zoe@example.com"),
        (" zoe@xn--bcher-kva.example", "zoe@xn--bcher-kva.example"),
        ("", None),
        (" ", None),
        (" Zoe", None),
        (" Zoe <>", None),
        (" zoe@localhost", None),
        (" zoe@[192.0.2.7]", None),
        (" zoe@example.com, other@evil.example", None),
        (" Zoe <zoe@example.com>, Other <other@evil.example>", None),
        (" zoe@example.com <other@evil.example>", None),
        (" <zoe@example.com> <other@evil.example>", None),
        (" Friends: zoe@example.com;", None),
        (" Friends:;", None),
        (" zoe@example.com (other@evil.example)", None),
        (" (comment) zoe@example.com", None),
        (' "zoe m"@example.com', None),
        (' "Zoe <zoe@example.com>', None),
        (" Zoe <zoe@example.com", None),
        (" zoe@example.com>", None),
        (" zoe@@example.com", None),
        (" .zoe@example.com", None),
        (" zoe..m@example.com", None),
        (" zoe@example..com", None),
        (" zoe@example.com.", None),
        (" zoe @example.com", None),
        (" zoe@example.com other", None),
        (" <@relay.example:zoe@example.com>", None),
        (" zo\u00eb@example.com", None),
        (" Zo\u00eb <zoe@example.com>", None),
        (" zoe@b\u00fccher.example", None),
        (" zoe@exam\udcffple.com", None),
        (f" zoe@{'a' * 64}.com", None),
        (f" zoe@{'a.' * 130}com", None),
        (f" {'z' * 65}@example.com", None),
        (f" {'Z' * 3000} <zoe@example.com>", None),
    ],
)
def test_the_address_of_a_from(value: str, expected: str | None) -> None:
    """One plain address is taken, in any usual form; whatever could be read in two ways is none."""
    assert address(value) == expected


@pytest.mark.parametrize(
    "more",
    [
        "From: other@evil.example\r\n",
        "FROM: zoe@example.com\r\n",
        "From : zoe@example.com\r\n",
        "Subject: a\r\nSubject: b\r\n",
        "Content-Type: text/plain\r\ncontent-type: text/html\r\n",
        "Reply-To: a@b.example\r\nReply-To: c@d.example\r\n",
    ],
)
def test_a_field_that_is_twice_there_proves_nothing(more: str) -> None:
    """Each mail program shows another one of them."""
    assert address(" zoe@example.com", more=more) is None
    assert address(" zoe@example.com", more="Received: a\r\nReceived: b\r\nX-A: 1\r\nX-A: 1\r\n") == "zoe@example.com"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\r\n",
        b"no field\r\n\r\nx",
        b" folded: first\r\n\r\nx",
        b"From: a@b.example\r\nno field\r\n\r\nx",
        b"From: a@b.example\r\n \t\r\n more\r\n\r\nx",
        b"From: a@b.example\rSubject: x\r\n\r\nx",
        b"From: a@b.example\x00\r\n\r\nx",
        b"From a@b.example Mon Nov 30 2026\r\nFrom: a@b.example\r\n\r\nx",
        b"\xff: a\r\n\r\nx",
        b"A: b\r\n" * (MOST_FIELDS + 1) + b"\r\nx",
        b"A: " + b"b" * 300_000 + b"\r\n\r\nx",
        b"A: b" + b"\r\n c" * 100_000,
    ],
)
def test_a_head_out_of_form_is_none(raw: bytes) -> None:
    """Another program could read it in another way than we do."""
    assert split_message(raw) is None


def test_the_parts_of_a_message() -> None:
    """Names are in lower case, values as they stand, and the body begins after the first empty line."""
    message = split_message(b"Subject : a\r\n\tb\r\nX:\r\n\r\nbody\r\n\r\nmore")
    assert message is not None
    assert [(one.name, one.raw_name, one.raw_value) for one in message.fields] == [
        (b"subject", b"Subject ", b" a\r\n\tb"),
        (b"x", b"X", b""),
    ]
    assert message.body == b"body\r\n\r\nmore"


def test_lines_of_a_file_are_lines() -> None:
    """A LF alone ends a line, as in a Maildir; so a head never ends where another program sees none."""
    message = split_message(b"A: 1\nB: 2\r\n\nbody\n.\n")
    assert message is not None
    assert ([one.name for one in message.fields], message.body) == ([b"a", b"b"], b"body\r\n.\r\n")


@given(
    st.binary(max_size=400)
    | st.lists(st.sampled_from([b"From", b":", b"\r\n", b"\n", b"\r", b" ", b"a@b.c"])).map(b"".join)
)
def test_any_bytes_are_read(raw: bytes) -> None:
    """No message raises."""
    message = split_message(raw)
    if message is not None:
        read_from_address(message)


@pytest.mark.parametrize(
    "raw",
    [
        b"a" * 10_000_000,
        b"\n" * 10_000_000,
        b"From: a@b.example\n" + b"\n" * 10_000_000,
        b"From: " + b'"' * 200_000 + b"\r\n\r\n",
        b"From: " + b"<" * 1900 + b"\r\n\r\n",
        b"From: " + b'"\\' * 900 + b"\r\n\r\n",
        b"From: a@" + b"a." * 900 + b"\r\n\r\n",
        b"A: b" + b"\r\n c" * 60_000,
    ],
)
def test_a_hostile_message_is_read_at_once(raw: bytes) -> None:
    """No message keeps the process busy for long."""
    begun = time.process_time()
    if message := split_message(raw):
        read_from_address(message)
    assert time.process_time() - begun < 0.5
