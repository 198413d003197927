"""A recipient's standing: all that decides about them, as of one version."""

from dataclasses import dataclass

EVERYTHING_OPTIONAL = "*"
"""The scope of an opt-out that leaves all optional mail of a brand."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A person at a brand, as the decision sees them.

    Attributes:
        recipient_id: the pseudonymous id that the ledger uses.
        version: grows with each change; a hand-over only begins on the version that was decided on.
        address: where mail goes now; None once erased, or if it was never made known.
        opted_out: the categories left, or `EVERYTHING_OPTIONAL`.
        deactivated: the account was closed by its owner.
        erased: the person's data are gone; only a keyed hash is left.
        address_dead: a hard bounce has shown that the address does not exist.
        copy_of: another recipient of the same mailing with the same address, whose copy counts for both.
    """

    recipient_id: int
    version: int
    address: str | None
    opted_out: frozenset[str] = frozenset()
    deactivated: bool = False
    erased: bool = False
    address_dead: bool = False
    copy_of: int | None = None

    def left(self, category: str) -> bool:
        """Whether the person has opted out of an optional category, or of all of them."""
        return category in self.opted_out or EVERYTHING_OPTIONAL in self.opted_out
