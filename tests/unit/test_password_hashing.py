"""Passwords of staff: the work of a hash."""

import argon2
import pytest

from mailer.web.console import password_hashing
from mailer.web.console.password_hashing import PasswordHashQueues


async def test_a_hash_takes_the_work_that_rfc_9106_recommends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2id takes 64 MiB, three passes and four lanes (RFC 9106, 4, second choice), for a person as for nobody."""
    monkeypatch.setattr(password_hashing, "PasswordHasher", argon2.PasswordHasher)
    passwords = PasswordHashQueues()
    with passwords.take_place(is_known=True) as place:
        stored = await place.hash_password("a password of Dana")
        assert not await place.is_password(None, "a password of Dana")
        assert await place.is_password(stored, "a password of Dana")
        assert not await place.is_password(stored, "a password of Eli")
    for one in (stored, *passwords._nobodys):
        assert one.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert passwords._nobodys
