"""A folder that servers with users of their own can enter, and a certificate."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.relays.world import Certificate, certified


@contextmanager
def relay_folder() -> Iterator[Path]:
    """A folder for a server; pytest's own is closed to other users."""
    folder = Path(tempfile.mkdtemp(prefix="mailer-relay-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def place() -> Iterator[Path]:
    """The same for one test."""
    with relay_folder() as folder:
        yield folder


@pytest.fixture
def vouched(place: Path) -> Certificate:
    """A certificate of loopback. Its file stands for the issuer of certificates."""
    return certified(place)
