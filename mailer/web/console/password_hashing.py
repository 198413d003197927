"""Hashes of passwords by Argon2id, in threads, a few at once: each takes 64 MiB and a twentieth of a second."""

import asyncio

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from mailer.policy.sign_in_rules import MAX_PASSWORD, fold_password

AT_ONCE = 2
"""Hashes that are computed at the same time. Further ones wait, so that nobody fills the memory."""


class PasswordHashes:
    """Makes and checks hashes of passwords. Each check takes the same work, whether there is a hash or not."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._nobodys: str | None = None

    async def hash_password(self, password: str) -> str:
        """Returns the hash of a password, with its parameters and salt."""
        async with self._turns:
            return await asyncio.to_thread(self._hasher.hash, fold_password(password))

    async def is_password(self, stored: str | None, password: str) -> bool:
        """Tells whether a password is the one of a hash. Without a hash it is not, after the same work."""
        if self._nobodys is None:
            self._nobodys = await self.hash_password("a password of nobody")
        async with self._turns:
            right = await asyncio.to_thread(
                self._verify, stored or self._nobodys, fold_password(password[:MAX_PASSWORD])
            )
        return right and stored is not None

    def _verify(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False
