"""Publishing events: what `mailer.publish` uses over RabbitMQ."""

from mailer.accounts import AccountEvent
from mailer.broker.topology import EVENTS
from mailer.events import EventRefused, MessageEvent
from mailer.policy.identity import Identity
from mailer.ports.broker import Broker, BrokerMessage, HeaderName, Unpublishable


class EventPublisher:
    """Publishes events through a broker."""

    def __init__(self, broker: Broker) -> None:
        """Takes the broker over: `close` closes it."""
        self._broker = broker

    async def publish_event(self, event: MessageEvent | AccountEvent, identity: Identity | None = None) -> None:
        """Returns once the event is safe. One for which no lane is bound becomes a dead letter, and is safe there.

        Args:
            event: what to publish.
            identity: who publishes it, if not the broker's user. Workers believe it of their own user only.

        Raises:
            BrokerUnavailable: no confirm came; publish it again, with the same id.
            EventRefused: it is too large, and can never be published.
        """
        headers = {} if identity is None else {HeaderName.PUBLISHER: str(identity)}
        message = BrokerMessage(event.to_json(), event.routing_key, event.id, headers)
        try:
            await self._broker.publish_message(EVENTS, message)
        except Unpublishable as error:
            raise EventRefused([str(error)]) from error

    async def close(self) -> None:
        """Closes the broker."""
        await self._broker.close()
