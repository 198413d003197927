"""pytest, as a script that `tests.spawning` can fork."""

import sys

import pytest

sys.exit(pytest.main())
