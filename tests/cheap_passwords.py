"""Hashes of passwords that cost next to nothing: tests sign in hundreds of times."""

from functools import partial

from argon2 import PasswordHasher

from mailer.web.console import password_hashing


def make_password_hashes_cheap() -> None:
    """Lowers the work of a hash in this process to the least. tests/unit/test_password_hashing.py has the real one."""
    cheap = partial(PasswordHasher, time_cost=1, memory_cost=8, parallelism=1)
    vars(password_hashing)["PasswordHasher"] = cheap
