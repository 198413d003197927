"""Stand-ins for the processor, and for what a broker delivers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.ports.broker import BrokerMessage
from mailer.ports.dead_letters import DeadLetterCauseKind
from mailer.ports.processor import OutgoingMessage, Permit

ACCEPTED = Outcome(OutcomeKind.ACCEPTED, 250, "2.0.0", "taken")


@dataclass
class FakeProcessor:
    """Takes messages, and answers as the test wants."""

    answer: Callable[[OutgoingMessage], Outcome] = lambda outgoing: ACCEPTED
    name: str = "fake"
    country: str = "ZZ"
    contract: str = "none"
    is_outside_our_network: bool = False
    weight: int = 1
    purposes: frozenset[str] | None = None
    weakest_encryption_used: str | None = None
    sent: list[OutgoingMessage] = field(default_factory=list)
    windows: list[int] = field(default_factory=list)

    async def send(
        self, window: Sequence[OutgoingMessage], deadline: float, permit: Permit, *, urgent: bool = False
    ) -> list[Outcome]:
        """Answers for each message that may begin. Unsent messages are not recorded."""
        self.windows.append(len(window))
        outcomes = []
        for index, outgoing in enumerate(window):
            reason = permit(index)
            outcomes.append(self.answer(outgoing) if reason is None else Outcome(OutcomeKind.UNSENT, text=reason))
        self.sent += [
            one for one, outcome in zip(window, outcomes, strict=True) if outcome.result is not OutcomeKind.UNSENT
        ]
        return outcomes

    def start_shutdown_timers(self) -> None:
        """Does nothing: each window ends by itself."""

    async def close(self) -> None:
        """Nothing to end."""

    @property
    def recipients(self) -> list[str]:
        """Returns the people who were sent something, in alphabetical order."""
        return sorted(outgoing.recipient for outgoing in self.sent)


@dataclass(eq=False)
class FakeReceived:
    """A message in a consumer's hands, and how it was settled."""

    message: BrokerMessage
    exchange: str = "mailer.events"
    settled: str | None = None
    kind: str = ""

    @property
    def is_unsettled(self) -> bool:
        """Tells whether it is still open."""
        return self.settled is None

    async def acknowledge(self) -> None:
        """Done with."""
        self.settled = self.settled or "ack"

    async def reject(self, reason: str, kind: str = DeadLetterCauseKind.REFUSED) -> None:
        """Bad for good."""
        self.kind, self.settled = kind, self.settled or f"rejected: {reason}"

    async def return_to_queue(self) -> None:
        """Does nothing."""
        self.settled = self.settled or "released"
