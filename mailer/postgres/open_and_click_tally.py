"""Counts of opens and clicks of one hour, in memory. They contain no time within the hour."""

import json
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from uuid import UUID

from mailer.ports.open_and_click_counts import PixelOrLinkFetchToCount

OTHER_LINKS = ""
"""Stands for all links of a mailing with clicks from too few messages to be counted separately."""
MOST = 1_000_000
"""The most different counts of an hour: at most 300 MB. Beyond them, only known counts still rise."""

Fetch = tuple[UUID, str | None, bool]
"""A mailing, a link (None: its pixel), and True if a machine fetched it."""
Once = tuple[UUID, str | None, bytes]
"""A mailing, a link (None: its pixel), and a message's nonce."""
Personal = tuple[UUID, str | None, int]
"""A mailing, a link (None: its pixel), and a recipient who consented."""


@dataclass(slots=True)
class OpenAndClickTallyByMailing:
    """Counts of an hour, or of a part of it.

    Attributes:
        fetches: the number of anonymous fetches.
        once: the messages that were opened or clicked, by nonce, if the tracking level allows it.
        persons: the people who opened or clicked, if they consented.
    """

    fetches: Counter[Fetch] = field(default_factory=Counter)
    once: set[Once] = field(default_factory=set)
    persons: set[Personal] = field(default_factory=set)

    def add_pixel_or_link_fetch(self, trace: PixelOrLinkFetchToCount, link: str | None = None) -> None:
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
        """Returns the number of different counts."""
        return len(self.fetches) + len(self.once) + len(self.persons)

    def merge_tally(self, other: "OpenAndClickTallyByMailing") -> None:
        """Adds another tally."""
        self.fetches.update(other.fetches)
        self.once |= other.once
        self.persons |= other.persons

    @property
    def mailings_fetched_anonymously(self) -> set[UUID]:
        """Returns the ids of the mailings with anonymous fetches."""
        return {mailing_id for mailing_id, _, _ in self.fetches}

    def anonymous_counts_of_mailings(self, mailings: Collection[UUID]) -> "OpenAndClickTallyByMailing":
        """Returns the anonymous counts of some mailings."""
        return OpenAndClickTallyByMailing(
            Counter({fetch: n for fetch, n in self.fetches.items() if fetch[0] in mailings}),
            {once for once in self.once if once[0] in mailings},
        )

    def with_rarely_clicked_links_pooled(self, minimum: Callable[[UUID], int]) -> "OpenAndClickTallyByMailing":
        """Returns the same counts, with all links that too few messages clicked added together as `OTHER_LINKS`.

        Perhaps only a few people have a link, if a template inserts a personal value. Each can click it many times, so
        the number of clicks proves nothing. A link is counted separately only with clicks from as many different
        messages as the minimum cell; the nonce of a message is signed. Without nonces (level `mailing`) no link is.

        Args:
            minimum: returns the minimum cell of a mailing.
        """
        messages = Counter((mailing_id, link) for mailing_id, link, _ in self.once if link is not None)
        large = {key for key, n in messages.items() if n >= minimum(key[0])}

        def shown(mailing_id: UUID, link: str | None) -> str | None:
            return link if link is None or (mailing_id, link) in large else OTHER_LINKS

        fetches = Counter[Fetch]()
        for (mailing_id, link, machine), n in self.fetches.items():
            fetches[mailing_id, shown(mailing_id, link), machine] += n
        once = {(mailing_id, shown(mailing_id, link), nonce) for mailing_id, link, nonce in self.once}
        return OpenAndClickTallyByMailing(fetches, once, self.persons)

    def as_json_text(self) -> str:
        """Returns the tally as JSON text, for `from_json_text`."""
        fetches = sorted(
            (m.hex, link or "", link is None, machine, n) for (m, link, machine), n in self.fetches.items()
        )
        once = sorted((m.hex, link or "", link is None, nonce.decode()) for m, link, nonce in self.once)
        persons = sorted((m.hex, link or "", link is None, person) for m, link, person in self.persons)
        return json.dumps([fetches, once, persons])

    @classmethod
    def from_json_text(cls, text: str) -> "OpenAndClickTallyByMailing":
        """Returns the tally from the text that `as_json_text` made."""
        fetches, once, persons = json.loads(text)
        return cls(
            Counter({(UUID(m), None if pixel else link, machine): n for m, link, pixel, machine, n in fetches}),
            {(UUID(m), None if pixel else link, nonce.encode()) for m, link, pixel, nonce in once},
            {(UUID(m), None if pixel else link, person) for m, link, pixel, person in persons},
        )
