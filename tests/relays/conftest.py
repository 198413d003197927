"""A folder that servers with users of their own can enter, and a certificate."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.relays.world import Certificate, certified


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder for a server; pytest's own is closed to other users."""
    folder = Path(tempfile.mkdtemp(prefix="mailer-relay-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def vouched(place: Path) -> Certificate:
    """A certificate of loopback; its file stands for whoever issues certificates."""
    return certified(place)
