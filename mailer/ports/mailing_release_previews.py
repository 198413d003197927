"""Previews of mailings that wait for a second person: the recipients that each would reach, and how."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Protocol

from mailer.ports.mailings import MailingStatus


@dataclass(slots=True)
class ReleasePreview:
    """The numbers of recipients by result, if the mailing were released now.

    Attributes:
        mail: recipients who would get it by mail.
        diverted: recipients who would be told on another channel, by channel and reason.
        suppressed: recipients who would get nothing, by reason.
        unrouted: recipients whose mail no processor may take, by reason.
        is_complete: False if only the first recipients were decided about.
        lacks: lines about texts that lack a language.
    """

    mail: int = 0
    diverted: Counter[tuple[str, str]] = field(default_factory=Counter)
    suppressed: Counter[str] = field(default_factory=Counter)
    unrouted: Counter[str] = field(default_factory=Counter)
    is_complete: bool = True
    lacks: tuple[str, ...] = ()

    @property
    def audience_size(self) -> int:
        """The number of all recipients that were decided about."""
        return self.mail + self.diverted.total() + self.suppressed.total() + self.unrouted.total()


class UnpreviewableMailing(Exception):
    """Nobody can foresee whom a mailing reaches: its policy or template is missing here. The message says which."""


class ReleasePreviewer(Protocol):
    """Foresees whom a mailing reaches. It changes nothing."""

    async def preview_release(self, status: MailingStatus, most: int | None = None) -> ReleasePreview:
        """Decides about each recipient as the hand-over would, and returns the counts.

        Args:
            status: the mailing.
            most: the most recipients to decide about; None: all.

        Raises:
            UnpreviewableMailing: its policy or template is missing.
        """
        ...


def preview_counts_in_words(foreseen: ReleasePreview) -> list[str]:
    """Returns the numbers of a preview in words, without those that are 0."""
    return [
        *([f"{foreseen.mail:,} by mail"] if foreseen.mail else []),
        *(f"{n:,} diverted to {channel} ({reason})" for (channel, reason), n in foreseen.diverted.most_common()),
        *(f"{n:,} suppressed ({reason})" for reason, n in foreseen.suppressed.most_common()),
        *(f"{n:,} that no processor may have ({reason})" for reason, n in foreseen.unrouted.most_common()),
    ]
