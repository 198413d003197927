"""The stores of breach cases, together."""

from typing import Protocol

from mailer.ports.breach_cases import BreachCaseStore
from mailer.ports.breach_desk import BreachDutyStore, StaffZoneStore
from mailer.ports.breach_files import BreachFileStore
from mailer.ports.breach_manifests import BreachManifestStore
from mailer.ports.breach_outcomes import BreachOutcomeReader
from mailer.ports.breach_public_notices import BreachPublicNoticeStore
from mailer.ports.breach_tests import BreachTestStore


class BreachStores(Protocol):
    """The stores by which a person works on breach cases. Each change is an entry of the ledger."""

    @property
    def cases(self) -> BreachCaseStore:
        """The cases with their phases."""
        ...

    @property
    def files(self) -> BreachFileStore:
        """The uploaded files of people."""
        ...

    @property
    def manifests(self) -> BreachManifestStore:
        """The checks of phases."""
        ...

    @property
    def duties(self) -> BreachDutyStore:
        """The duties of cases that are done, the history of facts, and the reminders."""
        ...

    @property
    def zones(self) -> StaffZoneStore:
        """The zones of staff."""
        ...

    @property
    def outcomes(self) -> BreachOutcomeReader:
        """The figures and people of released phases."""
        ...

    @property
    def public_notices(self) -> BreachPublicNoticeStore:
        """The public notices of phases."""
        ...

    @property
    def tests(self) -> BreachTestStore:
        """The test messages of phases."""
        ...
