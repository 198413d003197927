"""Quoted-printable that survives: it reads back unchanged, and its lines have no dangerous beginning."""

import quopri
import re
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailer.rendering.transfer_encoding import encode_piece_as_quoted_printable, quoted_printable

PIECES = st.lists(
    st.sampled_from(["From ", "From", " ", ">From ", "F", "rom ", "\r\n", "a", "=", "é", "x" * 70, "x" * 75, "."]),
    max_size=12,
).map("".join)


@given(st.lists(PIECES, max_size=4))
@example(["From "])
@example(["x" * 75 + "From me"])
@example(["Fr", "om me"])
@example(["a\r\n", "From me"])
@example([".", ".a", "x" * 75 + ".", "x" * 76 + " .", "é" + "x" * 69 + "." * 80, "=" + "x" * 73 + "."])
def test_no_line_looks_like_a_new_message_or_its_end(pieces: list[str]) -> None:
    """No line begins with `From `, which ends a message in an mbox file, or with a dot, wherever lines are cut."""
    encoded = b"".join(encode_piece_as_quoted_printable(piece.encode()) for piece in pieces) + b"\r\n"
    assert not re.search(rb"^From |^\.", encoded, re.MULTILINE)
    assert all(len(line) <= 76 for line in encoded.split(b"\r\n"))
    assert quopri.decodestring(encoded).removesuffix(b"\r\n") == "".join(pieces).encode()


@pytest.mark.parametrize(
    "text",
    [b"From me\r\nFrom you", b"Dear,\r\nFrom \r\n", b"x" * 74 + b" From here", b".\r\n.a", b"x" * 75 + b"." * 99],
)
def test_a_whole_text(text: bytes) -> None:
    """A text that is encoded at once is safe in the same way, and reads back as it was."""
    encoded = quoted_printable(text)
    assert b"\nFrom " not in b"\n" + encoded
    assert b"\n." not in b"\n" + encoded
    assert quopri.decodestring(encoded) == text


def test_a_line_of_megabytes_takes_linear_time() -> None:
    """A template may repeat values without a line break. Copies of the rest for each line took 8 s."""
    text = ("é" + "x" * 9).encode() * 500_000
    began = time.process_time()
    encoded = encode_piece_as_quoted_printable(text)
    assert time.process_time() - began < 3
    assert quopri.decodestring(encoded) == text
