"""Opens and clicks of one hour, in memory. Nothing here knows at which moment of the hour they came."""

import json
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from uuid import UUID

from mailer.ports.open_counts import FetchTrace

OTHER_LINKS = ""
"""Stands for the links of a mailing that too few messages clicked to be counted by themselves."""
MOST = 1_000_000
"""Different things that are counted in an hour: 300 MB at most. More of them are not counted, only the known ones."""

Fetch = tuple[UUID, str | None, bool]
"""A mailing, a link (None: its pixel), and whether a machine fetched it."""
Once = tuple[UUID, str | None, bytes]
"""A mailing, a link (None: its pixel), and a message's nonce."""
Personal = tuple[UUID, str | None, int]
"""A mailing, a link (None: its pixel), and a recipient who consented."""


@dataclass(slots=True)
class OpenTally:
    """Counts of an hour, or of a part of it.

    Attributes:
        fetches: how often. once: by which messages, as far as that may be known. persons: by whom, if they consented.
    """

    fetches: Counter[Fetch] = field(default_factory=Counter)
    once: set[Once] = field(default_factory=set)
    persons: set[Personal] = field(default_factory=set)

    def add_fetch(self, trace: FetchTrace, link: str | None = None) -> None:
        """Counts one fetch."""
        full = len(self) >= MOST
        if trace.recipient_id is not None:
            if not full:
                self.persons.add((trace.mailing_id, link, trace.recipient_id))
            return
        fetch = trace.mailing_id, link, trace.machine
        if not full or fetch in self.fetches:
            self.fetches[fetch] += 1
        if trace.nonce is not None and not full:
            self.once.add((trace.mailing_id, link, trace.nonce.encode()))

    def __len__(self) -> int:
        """Returns how many different things are counted."""
        return len(self.fetches) + len(self.once) + len(self.persons)

    def merge_tally(self, other: "OpenTally") -> None:
        """Adds another tally."""
        self.fetches.update(other.fetches)
        self.once |= other.once
        self.persons |= other.persons

    @property
    def anonymous_mailings(self) -> set[UUID]:
        """The mailings with fetches of people who are not known."""
        return {mailing_id for mailing_id, _, _ in self.fetches}

    def anonymous_counts_of(self, mailings: Collection[UUID]) -> "OpenTally":
        """Returns the counts of some mailings that are nobody's."""
        return OpenTally(
            Counter({fetch: n for fetch, n in self.fetches.items() if fetch[0] in mailings}),
            {once for once in self.once if once[0] in mailings},
        )

    def pool_small_links(self, minimum: Callable[[UUID], int]) -> "OpenTally":
        """Returns the same counts, with the links that too few messages clicked in one.

        A link can be shown to few, as where a template asks for a person's value. Whoever has it can click it as often
        as they like, so clicks prove nothing. A link only counts by itself with clicks of as many different messages as
        the cell wants; a message's nonce is signed. Without nonces (level `mailing`) no link counts by itself.

        Args:
            minimum: the cell of a mailing.
        """
        messages = Counter((mailing_id, link) for mailing_id, link, _ in self.once if link is not None)
        large = {key for key, n in messages.items() if n >= minimum(key[0])}

        def shown(mailing_id: UUID, link: str | None) -> str | None:
            return link if link is None or (mailing_id, link) in large else OTHER_LINKS

        fetches = Counter[Fetch]()
        for (mailing_id, link, machine), n in self.fetches.items():
            fetches[mailing_id, shown(mailing_id, link), machine] += n
        once = {(mailing_id, shown(mailing_id, link), nonce) for mailing_id, link, nonce in self.once}
        return OpenTally(fetches, once, self.persons)

    def as_json(self) -> str:
        """Returns all of it as text; `from_json` reads it."""
        fetches = sorted(
            (m.hex, link or "", link is None, machine, n) for (m, link, machine), n in self.fetches.items()
        )
        once = sorted((m.hex, link or "", link is None, nonce.decode()) for m, link, nonce in self.once)
        persons = sorted((m.hex, link or "", link is None, person) for m, link, person in self.persons)
        return json.dumps([fetches, once, persons])

    @classmethod
    def from_json(cls, text: str) -> "OpenTally":
        """Reads what `as_json` wrote."""
        fetches, once, persons = json.loads(text)
        return cls(
            Counter({(UUID(m), None if pixel else link, machine): n for m, link, pixel, machine, n in fetches}),
            {(UUID(m), None if pixel else link, nonce.encode()) for m, link, pixel, nonce in once},
            {(UUID(m), None if pixel else link, person) for m, link, pixel, person in persons},
        )
