"""Publishes events through a broker. `mailer.publish` uses it over RabbitMQ."""

from mailer.account_event_types import AccountEvent
from mailer.broker.topology import EVENTS
from mailer.events import EventRefused, MessageEvent
from mailer.policy.publisher_and_staff_identity import Identity
from mailer.ports.broker import Broker, BrokerMessage, HeaderName, MessageUnpublishable


class EventPublisher:
    """Publishes events through a broker."""

    def __init__(self, broker: Broker) -> None:
        """Takes the broker; `close` closes it."""
        self._broker = broker

    async def publish_event(self, event: MessageEvent | AccountEvent, identity: Identity | None = None) -> None:
        """Publishes an event, and returns after the broker has confirmed it.

        An event without a bound lane becomes a dead letter, which is stored as safely.

        Args:
            event: the event to publish.
            identity: its publisher, if that is not the broker's user. Workers believe this only from their own user.

        Raises:
            BrokerUnavailable: no confirm came. Publish the event again with the same id.
            EventRefused: the event is too large, and can never be published.
        """
        headers = {} if identity is None else {HeaderName.PUBLISHER: str(identity)}
        message = BrokerMessage(event.to_json(), event.routing_key, event.id, headers)
        try:
            await self._broker.publish_message(EVENTS, message)
        except MessageUnpublishable as error:
            raise EventRefused([str(error)]) from error

    async def close(self) -> None:
        """Closes the broker."""
        await self._broker.close()
