"""Where the contract suites find RabbitMQ."""

import os
from collections.abc import Iterator

import pytest

from mailer.embedded.rabbitmq import start


@pytest.fixture(scope="session")
def rabbit_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A RabbitMQ for tests: the one in MAILER_TEST_AMQP_URL, or a private node."""
    if given := os.environ.get("MAILER_TEST_AMQP_URL"):
        yield given
        return
    with start(tmp_path_factory.mktemp("rabbitmq")) as node:
        yield node.url
