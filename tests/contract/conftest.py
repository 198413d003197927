"""The brokers under contract, for every suite that runs over all of them."""

from collections.abc import AsyncIterator

import pytest

from mailer.ports.broker import Broker
from tests.contract.brokers import BROKERS, Open, Site


@pytest.fixture(params=list(BROKERS))
def site(request: pytest.FixtureRequest) -> Site:
    """The place where the brokers under test meet. Not asynchronous: the services' fixtures run their own loops."""
    return BROKERS[request.param](request)


@pytest.fixture
async def another(site: Site) -> AsyncIterator[Open]:
    """Opens brokers on one store, each as a process of its own would."""
    async with site as opened:
        yield opened


@pytest.fixture
async def broker(another: Open) -> Broker:
    """The broker under test."""
    return await another()
