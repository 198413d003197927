"""What is simply so or not so of an account: closed, restricted, a child's, paid; and how its owner is reached."""

from collections.abc import Sequence

from mailer.policy.policy_file import Policy
from mailer.policy.standing import EMAIL
from mailer.ports.standings import StandingFlag, StandingStore


class UnknownRecipient(LookupError):
    """The brand has no such recipient."""


class ChannelRefused(ValueError):
    """A wish for a channel that the brand does not have."""


async def set_account_flag(
    standings: StandingStore, brand: str, recipient_id: int, flag: StandingFlag, on: bool, source: str
) -> None:
    """Sets or clears a flag; at once, also for what is queued.

    Raises:
        UnknownRecipient: the brand has no such recipient.
    """
    if not await standings.set_flag(brand, recipient_id, flag, on, source):
        raise UnknownRecipient(f"{brand} has no such recipient")


async def set_channel(standings: StandingStore, policy: Policy, recipient_id: int, channel: str, source: str) -> None:
    """Obeys the channel that a person wishes: `email`, or another one, on which somebody tells them (paltalk06-08).

    Raises:
        ChannelRefused: the brand has no such channel.
        UnknownRecipient: the brand has no such recipient.
    """
    check_channel(policy, channel)
    if not await standings.set_channel(policy.brand, recipient_id, channel, source):
        raise UnknownRecipient(f"{policy.brand} has no such recipient")


def check_channel(policy: Policy, channel: str) -> None:
    """Checks that a brand has a channel: mail would not go, and nobody be told.

    Raises:
        ChannelRefused: it has none of this name.
    """
    if channel not in (EMAIL, *policy.channels):
        beside = f"{EMAIL}, {', '.join(policy.channels)}" if policy.channels else f"{EMAIL} only"
        raise ChannelRefused(f"{policy.brand} reaches nobody by {channel}; its policy has {beside}")


async def set_postal_address(
    standings: StandingStore, brand: str, recipient_id: int, lines: Sequence[str] | None, source: str
) -> None:
    """Keeps the postal address for a person's written notices, and for nothing else; None forgets it (interpals-18).

    Raises:
        UnknownRecipient: the brand has no such recipient.
        RecipientErased: the person was erased.
    """
    if not await standings.set_postal_address(brand, recipient_id, lines, source):
        raise UnknownRecipient(f"{brand} has no such recipient")


async def set_paid_product(
    standings: StandingStore, brand: str, recipient_id: int, product: str | None, paid: bool, source: str
) -> None:
    """Notes whether an account pays for a product, or None: for every product, or for none (interpals-08).

    Raises:
        UnknownRecipient: the brand has no such recipient.
    """
    if not await standings.set_paid_product(brand, recipient_id, product, paid, source):
        raise UnknownRecipient(f"{brand} has no such recipient")
