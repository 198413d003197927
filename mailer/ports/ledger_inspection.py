"""The ledger's seals, and the check of what was written since the last one, for people."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ListedSeal:
    """A seal in a list.

    Attributes:
        number: of the row; it rises.
        whole: True if it has the heads of all chains that grew since the last whole one.
    """

    number: int
    sealed_at: datetime
    whole: bool


@dataclass(frozen=True, slots=True)
class LedgerFault:
    """A fault of the ledger. `writer` and `n` name an entry; if `writer` is `seals`, `n` is the number of a seal."""

    writer: str
    n: int
    what: str


@dataclass(frozen=True, slots=True)
class RecentVerification:
    """The check of the entries that were written since the last seal.

    Attributes:
        sealed_at: of the last seal; None if there is none yet.
        entries: the number of entries that were read. writers: of the chains that grew.
        faults: none if these entries are intact and follow from what was sealed.
        is_complete: False if there were more entries than were to be read.
    """

    sealed_at: datetime | None
    entries: int
    writers: int
    faults: Sequence[LedgerFault]
    is_complete: bool


class LedgerInspector(Protocol):
    """Shows seals, and checks the newest entries."""

    async def list_seals(self, before: int | None, limit: int) -> list[ListedSeal]:
        """Returns seals, the newest first; only older ones than `before`."""
        ...

    async def verify_since_last_seal(self, most: int) -> RecentVerification:
        """Recomputes the chains from the heads that the last seals name on, `most` entries at most."""
        ...
