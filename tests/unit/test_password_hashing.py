import argon2
import pytest

from mailer.web.console import password_hashing
from mailer.web.console.password_hashing import PasswordHashes


async def test_a_hash_takes_the_work_that_rfc_9106_recommends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2id with 64 MiB, three passes and four lanes (its second choice), for a person as for nobody."""
    monkeypatch.setattr(password_hashing, "PasswordHasher", argon2.PasswordHasher)
    passwords = PasswordHashes()
    stored = await passwords.hash_password("a password of Dana")
    assert not await passwords.is_password(None, "a password of Dana")
    for one in (stored, passwords._nobodys or ""):
        assert one.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert await passwords.is_password(stored, "a password of Dana")
    assert not await passwords.is_password(stored, "a password of Eli")
