"""Base32 is that of the standard library."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.rendering.base32 import LONGEST, encode_base32


@given(st.binary(max_size=LONGEST))
def test_is_what_the_standard_library_makes(data: bytes) -> None:
    """The text equals that of the standard library, but for case and padding."""
    assert encode_base32(data) == base64.b32encode(data).decode().rstrip("=").lower()


def test_what_is_too_long_is_no_shorter_text() -> None:
    """Nothing is cut off."""
    with pytest.raises(ValueError, match="negative shift"):
        encode_base32(bytes(LONGEST + 1))
