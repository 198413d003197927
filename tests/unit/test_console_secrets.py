"""Tokens and challenges of the console: each is good for one name or cookie, for a time, under known keys."""

import pytest

from mailer.policy.sign_in_rules import DEVICE_LASTS, SECRET_WAITS
from mailer.web.console.console_secrets import ConsoleSecrets

KEYS = ("a secret key of this test, 32 octets", "an older key of this test, 32 octets")
NOW = 1_800_000_000.0
OURS = ConsoleSecrets(KEYS)


def test_a_known_browser_is_known_for_one_name_and_ninety_days() -> None:
    """A token is valid for one name for ninety days, and not before. It may be signed with an older key."""
    token = OURS.new_device_token("dana duty", NOW)
    lasts = DEVICE_LASTS.total_seconds()
    assert OURS.is_device_token("dana duty", token, NOW)
    assert OURS.is_device_token("dana duty", token, NOW + lasts - 1)
    assert not OURS.is_device_token("dana duty", token, NOW + lasts)
    assert not OURS.is_device_token("dana duty", token, NOW - 1)
    assert not OURS.is_device_token("eli", token, NOW)
    assert not OURS.is_device_token("", token, NOW)
    assert not ConsoleSecrets(["another key of this test, 32 octets."]).is_device_token("dana duty", token, NOW)
    assert OURS.is_device_token("dana duty", ConsoleSecrets(KEYS[1:]).new_device_token("dana duty", NOW), NOW)
    assert token != OURS.new_device_token("dana duty", NOW)


def test_a_sealed_sign_in_is_no_other_secret() -> None:
    """The cookie of a begun sign-in is not taken for the secret of an app, nor the other way round."""
    assert OURS.open_sign_in(OURS.seal_sign_in("begun")) == "begun"
    assert OURS.open_sign_in(ConsoleSecrets(KEYS[1:]).seal_sign_in("begun")) == "begun"
    assert OURS.decrypt(OURS.seal_sign_in("begun").encode()) is None
    for sealed in (OURS.encrypt("begun").decode(), "", "é", "x" * 9000):
        assert OURS.open_sign_in(sealed) is None


@pytest.mark.parametrize("token", ["", ".", "..", "1800000000.x.y", "é.é.é", "x" * 200, "1800000000..", "\0"])
def test_what_is_no_token_makes_no_browser_known(token: str) -> None:
    """A cookie with any text is read without an error, and makes no browser known."""
    assert not OURS.is_device_token("dana duty", token, NOW)


def test_a_token_says_when_and_its_code_covers_it() -> None:
    """A later time in an old token makes it no younger."""
    issued, nonce, code = OURS.new_device_token("dana duty", NOW).split(".")
    assert not OURS.is_device_token("dana duty", f"{int(issued) + 9}.{nonce}.{code}", NOW + 9)
    assert not OURS.is_device_token("dana duty", f"{issued}.{nonce}x.{code}", NOW)


def test_a_challenge_is_good_for_the_forms_of_one_cookie_for_ten_minutes() -> None:
    """Another cookie's, an older and a made-up one are none."""
    challenge, lasts = OURS.new_challenge("form token", NOW), SECRET_WAITS.total_seconds()
    assert OURS.is_challenge("form token", challenge, NOW + lasts - 1)
    assert not OURS.is_challenge("form token", challenge, NOW + lasts)
    assert not OURS.is_challenge("form token", challenge, NOW - 1)
    assert not OURS.is_challenge("another", challenge, NOW)
    assert challenge != OURS.new_challenge("form token", NOW)
    for odd in (b"", bytes(56), challenge[:-1], challenge + b"x", b"x" + challenge[1:]):
        assert not OURS.is_challenge("form token", odd, NOW)
