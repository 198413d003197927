"""A stand-in for the halts."""

from dataclasses import dataclass, field
from uuid import UUID

from mailer.policy.category import Lane


@dataclass
class FakeHalts:
    """The halts that the test sets."""

    everything: str | None = None
    brands: dict[str, str] = field(default_factory=dict)
    mailings: dict[UUID, str] = field(default_factory=dict)
    processors: dict[str, str] = field(default_factory=dict)
    promotional: dict[str, str] = field(default_factory=dict)

    def mailing_halt_reason(self, brand: str, mailing_id: UUID, lane: Lane) -> str | None:
        """See `pipeline.preparation.HaltChecks`."""
        stopped = self.everything or self.brands.get(brand) or self.mailings.get(mailing_id)
        return stopped or (self.promotional.get(brand) if lane is Lane.PROMOTIONAL else None)

    def processor_halt_reason(self, name: str) -> str | None:
        """See `pipeline.preparation.HaltChecks`."""
        return self.processors.get(name)


@dataclass
class FakeChains:
    """A stand-in for the chains. It counts how often they were begun anew."""

    renewed: int = 0

    def abandon_chains_for_new_ones(self) -> None:
        """Counts the call."""
        self.renewed += 1
