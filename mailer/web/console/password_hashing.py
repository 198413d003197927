"""Hashes of passwords by Argon2id, in threads, a few at once: each takes 64 MiB and a twentieth of a second.

Nobody makes or checks a hash without a place in a queue, and the queues are short. Strangers have one of their own: so
a flood of sign-ins neither fills the memory nor keeps the staff out.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from mailer.policy.sign_in_rules import MAX_PASSWORD, normalize_password_for_hashing

LONGEST_QUEUE = 20
"""The most requests of one queue that wait for a hash or compute one. A further one is refused at once."""
RETRY_SECONDS = 5
"""Seconds after which somebody who was refused should try again."""


class HashQueueFull(Exception):
    """Raised for a request that needs a hash while too many others wait for theirs."""


class PlaceInPasswordHashQueue:
    """A place in a queue, which makes and checks hashes. Hashes of one queue are computed one by one."""

    def __init__(self, hasher: PasswordHasher, turn: asyncio.Lock, nobodys: list[str]) -> None:
        self._hasher = hasher
        self._turn = turn
        self._nobodys = nobodys

    async def hash_password(self, password: str) -> str:
        """Returns the hash of a password, with its parameters and salt."""
        async with self._turn:
            return await asyncio.to_thread(self._hasher.hash, normalize_password_for_hashing(password))

    async def is_password(self, stored: str | None, password: str) -> bool:
        """Tells whether a password is the one of a hash. Without a hash it is not, after the same work."""
        if not self._nobodys:
            self._nobodys.append(await self.hash_password("a password of nobody"))
        async with self._turn:
            right = await asyncio.to_thread(
                self._verify, stored or self._nobodys[0], normalize_password_for_hashing(password[:MAX_PASSWORD])
            )
        return right and stored is not None

    def _verify(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False


class _HashQueue:
    def __init__(self) -> None:
        self.turn = asyncio.Lock()
        self.taken = 0


class PasswordHashQueues:
    """Gives out places in two queues: one for strangers, one for people who are signed in, or were in that browser."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()
        self._nobodys: list[str] = []
        self._queues = {is_known: _HashQueue() for is_known in (False, True)}

    @contextmanager
    def take_place(self, *, is_known: bool) -> Iterator[PlaceInPasswordHashQueue]:
        """Yields a place in a queue until the context ends.

        Raises:
            HashQueueFull: too many wait.
        """
        queue = self._queues[is_known]
        if queue.taken >= LONGEST_QUEUE:
            raise HashQueueFull
        queue.taken += 1
        try:
            yield PlaceInPasswordHashQueue(self._hasher, queue.turn, self._nobodys)
        finally:
            queue.taken -= 1
