"""Rules of signing in: passwords, waits and masked networks."""

import pytest

from mailer.policy.sign_in_rules import (
    FREE_FAILURES,
    MAX_PASSWORD,
    WAITS_OF_ACCOUNT,
    WAITS_OF_NETWORK,
    masked_network,
    normalize_password_for_hashing,
    password_fault,
)


@pytest.mark.parametrize(
    ("password", "fault"),
    [
        ("eleven char", "password_short"),
        ("x" * (MAX_PASSWORD + 1), "password_long"),
        ("password1234", "password_common"),
        ("Password!2026", "password_common"),
        ("passwordpassword", "password_common"),
        ("p a s s w o r d", "password_common"),
        ("123456789012", "password_common"),
        ("111111111111", "password_common"),
        ("abababababab", "password_common"),
        ("correct-horse-battery-staple", "password_common"),
        ("Dana Duty 2026", "password_name"),
        ("danadutydanaduty", "password_name"),
        ("dana.duty1234", "password_name"),
        ("d.duty.work.12", "password_name"),
        ("violet gravel tuba", None),
        ("pässwörter sind müde", None),
        ("白い馬が川を渡って行きました", None),
    ],
)
def test_passwords(password: str, fault: str | None) -> None:
    """Short, common ones and those made of the name are refused; a phrase is good in any language."""
    assert password_fault(password, "Dana Duty", "d.duty.work@people.example") == fault


def test_a_password_is_the_same_on_each_keyboard() -> None:
    """A composed letter and the letter with a mark after it are one (RFC 8265)."""
    assert normalize_password_for_hashing("caf\u00e9 au lait 7") == normalize_password_for_hashing(
        "cafe\u0301 au lait 7"
    )


def test_waits_grow_and_end() -> None:
    """The first failures are free, each wait is at least the one before, and none is over a quarter of an hour."""
    for waits in (WAITS_OF_ACCOUNT, WAITS_OF_NETWORK):
        assert list(waits) == sorted(waits)
        assert waits[FREE_FAILURES - 1] == 0
        assert waits[-1] == 900
    assert WAITS_OF_ACCOUNT[FREE_FAILURES] > 0


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("unix:/run/x", "unknown"),
        ("", "unknown"),
    ],
)
def test_a_network_is_masked(address: str, network: str) -> None:
    """The ledger never has a whole address."""
    assert masked_network(address) == network
