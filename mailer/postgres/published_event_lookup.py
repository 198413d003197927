"""Reads for publishers what became of their events: taken in, refused, or different from an earlier event."""

from collections.abc import Sequence

from mailer.account_event_types import AccountEvent
from mailer.database.statements import Pool, load_statements
from mailer.event_digests import names_of_fields_with_differing_digests
from mailer.events import Audience, MessageEvent
from mailer.postgres.address_hashing import AddressHasher

_SQL = load_statements("published")
_HAS_AUDIENCE = load_statements("mailings")["has_audience"]

Event = MessageEvent | AccountEvent


class PublishedEventLookup:
    """Compares events with the stored ones, and finds their refusals.

    Args:
        pool: the connections. hasher: makes digests of contents, and hashes of erased ids.
    """

    def __init__(self, pool: Pool, hasher: AddressHasher) -> None:
        self._pool = pool
        self._hasher = hasher

    async def find_fields_differing_from_stored(self, events: Sequence[Event]) -> list[tuple[str, ...]]:
        """Returns for each event the fields that differ from the stored event with the same id."""
        return [fields for _, fields in await self._compare_with_stored_events(events)]

    async def find_unknown_audiences(self, events: Sequence[Event]) -> set[tuple[str, str]]:
        """Returns the audiences, as (brand, name), that events name but that do not exist."""
        named = {
            (event.brand, event.to.audience)
            for event in events
            if isinstance(event, MessageEvent) and isinstance(event.to, Audience)
        }
        return {key for key in named if not await self._pool.fetchval(_HAS_AUDIENCE, *key)}

    async def read_newest_dead_letter_id(self) -> int:
        """Returns the id of the newest dead letter; 0 if there is none."""
        return int(await self._pool.fetchval(_SQL["newest_letter"]))

    async def find_intake_results(self, events: Sequence[Event], after: int) -> list[str | None]:
        """Returns for each event the reason of its refusal, an empty text if it was taken in, or None if neither.

        Only looks at dead letters after the id `after`.
        """
        bodies = [event.to_json() for event in events]
        rows = await self._pool.fetch(_SQL["refusals"], [event.routing_key for event in events], bodies, after)
        refused = {row["position"] - 1: row["reason"] for row in rows}
        known = await self._compare_with_stored_events(events)
        return [refused.get(place, "" if taken and not fields else None) for place, (taken, fields) in enumerate(known)]

    async def _compare_with_stored_events(self, events: Sequence[Event]) -> list[tuple[bool, tuple[str, ...]]]:
        """Returns for each event: True if its id was taken in, and the fields that differ from the stored event."""
        named = [
            (
                event.brand,
                event.id,
                self._hasher.hash_replacing_event_id(event.brand, event.id),
                not isinstance(event, MessageEvent),
            )
            for event in events
        ]
        keys = zip(*named, strict=True)
        rows = await self._pool.fetch(_SQL["contents"], *keys)
        pairs = zip(rows, events, strict=True)
        return [
            (
                row["taken"],
                names_of_fields_with_differing_digests(row["content"], self._hasher.contents.digest_of(event)),
            )
            for row, event in pairs
        ]
