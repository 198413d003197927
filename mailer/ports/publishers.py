"""The publishers and their rights, for all places that accept events."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from mailer.policy.publisher_and_staff_identity import Identity
from mailer.policy.publisher_rights import Publisher, RightsOfOnePublisher


@dataclass(frozen=True, slots=True)
class PublisherRecord:
    """A publisher with the times of its creation and revocation, for operators."""

    publisher: Publisher
    created_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class PublisherRightsChange:
    """A change of a publisher's rights, from the ledger.

    Attributes:
        what: `granted`, `restricted` or `revoked`.
        rights: those granted or taken back, each as `brand:NAME`, `category:NAME`, `action:NAME` or `read:NAME`.
        actor: the identity that made the change.
    """

    at: datetime
    what: str
    rights: Sequence[str]
    actor: str | None


class PublisherStore(Protocol):
    """Reads the publishers and their rights. Revoked publishers are left out."""

    async def find_publisher_by_api_key(self, key: str) -> Publisher | None:
        """Returns the holder of an API key, or None if the key was never issued or was revoked."""
        ...

    async def unrevoked_publishers_by_identity(self) -> Mapping[Identity, Publisher]:
        """Returns all publishers that are not revoked, by identity."""
        ...


class PublisherDesk(Protocol):
    """Lists and changes publishers for people. Each change is an entry of the ledger."""

    async def list_publishers(self) -> Sequence[PublisherRecord]:
        """Returns all publishers, including revoked ones, ordered by kind and name."""
        ...

    async def get_publisher(self, identity: Identity) -> PublisherRecord | None:
        """Returns a publisher, also a revoked one; None if it does not exist."""
        ...

    async def grant_rights_and_missing_key(self, identity: Identity, rights: RightsOfOnePublisher) -> str | None:
        """Adds rights to those of a publisher. A revoked or new publisher has only these.

        Returns:
            The new API key, if the identity is that of a key and the publisher was new or revoked; else None. The key
                is never shown again.
        """
        ...

    async def take_rights_back(self, identity: Identity, rights: RightsOfOnePublisher) -> bool:
        """Takes rights from a publisher; the others stay. False: it had none of them, or is none."""
        ...

    async def change_rights(self, identity: Identity, seen: RightsOfOnePublisher, wanted: RightsOfOnePublisher) -> bool:
        """Takes back what is seen and not wanted, and grants what is wanted and not seen, in one transaction.

        Returns False, and changes nothing, if the publisher is revoked or its rights are not those seen.
        """
        ...

    async def revoke_all_rights(self, identity: Identity) -> bool:
        """Revokes a publisher's rights. False: there is no such publisher, or it was revoked before."""
        ...

    async def read_rights_changes(self, identity: Identity) -> Sequence[PublisherRightsChange]:
        """Returns the changes of a publisher's rights from the ledger, the oldest first."""
        ...
