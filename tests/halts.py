"""What stands still in a test."""

from dataclasses import dataclass, field
from uuid import UUID


@dataclass
class FakeHalts:
    """What stands still, as the test says."""

    everything: str | None = None
    brands: dict[str, str] = field(default_factory=dict)
    mailings: dict[UUID, str] = field(default_factory=dict)
    processors: dict[str, str] = field(default_factory=dict)

    def halted(self, brand: str, mailing_id: UUID) -> str | None:
        """See `pipeline.preparation.Halted`."""
        return self.everything or self.brands.get(brand) or self.mailings.get(mailing_id)

    def processor_halted(self, name: str) -> str | None:
        """See `pipeline.preparation.Halted`."""
        return self.processors.get(name)
