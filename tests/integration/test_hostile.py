"""Tests that have to hold under any defaults of the database, once more under hostile ones.

MAILER_TEST_HOSTILE=1 gives every test's database hostile defaults.
"""

import pytest

from tests.hostile import make_hostile
from tests.integration.test_deliveries import (  # noqa: F401
    test_claimers_of_many_batches_do_not_deadlock,
    test_one_of_many_claimers_gets_a_batch,
    test_opt_out_wins_the_race,
)
from tests.integration.test_mailings import test_many_takers_of_the_same_events_do_not_deadlock  # noqa: F401
from tests.integration.test_people import (  # noqa: F401
    test_nobody_becomes_known_behind_an_opt_out,
    test_people_and_hand_overs_do_not_deadlock,
    test_standings_are_locked_in_the_order_of_hand_overs,
)
from tests.integration.test_standings import test_many_leave_at_once  # noqa: F401


@pytest.fixture
async def database_url(database_url: str) -> str:
    """A database of the test's own, with hostile defaults and decoys."""
    await make_hostile(database_url, decoys=True)
    return database_url
