"""The fixtures of the browser tests."""

from tests.integration.conftest import world

__all__ = ["world"]
