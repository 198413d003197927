"""The stores of breach cases, together."""

from typing import Protocol

from mailer.ports.breach_cases import BreachCaseStore


class BreachStores(Protocol):
    """The stores by which a person works on breach cases. Each change is an entry of the ledger."""

    @property
    def cases(self) -> BreachCaseStore:
        """The cases with their phases."""
        ...
