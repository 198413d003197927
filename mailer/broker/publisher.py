"""Publishing events: what `mailer.publish` uses over RabbitMQ."""

from mailer.accounts import AccountEvent
from mailer.broker.topology import EVENTS
from mailer.events import EventRefused, MessageEvent
from mailer.ports.broker import Broker, Message, Unpublishable


class EventPublisher:
    """Publishes events through a broker."""

    def __init__(self, broker: Broker) -> None:
        """Takes the broker over: `close` closes it."""
        self._broker = broker

    async def publish(self, event: MessageEvent | AccountEvent) -> None:
        """Returns once the event is safe. One for which no lane is bound becomes a dead letter, and is safe there.

        Raises:
            BrokerUnavailable: no confirm came; publish it again, with the same id.
            EventRefused: it is too large, and can never be published.
        """
        message = Message(event.to_json(), event.routing_key, message_id=event.id)
        try:
            await self._broker.publish(EVENTS, message)
        except Unpublishable as error:
            raise EventRefused([str(error)]) from error

    async def close(self) -> None:
        """Closes the broker."""
        await self._broker.close()
