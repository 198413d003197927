"""Sets the flags of an account, its paid products, its channel and its postal address."""

from collections.abc import Sequence

from mailer.policy.policy_file import Policy
from mailer.policy.standing import EMAIL
from mailer.ports.standings import StandingFlag, StandingStore


class UnknownRecipient(LookupError):
    """The brand has no such recipient."""


class UnknownChannel(ValueError):
    """A channel was asked for that the brand does not have."""


async def set_account_flag(
    standings: StandingStore, brand: str, recipient_id: int, flag: StandingFlag, on: bool, source: str
) -> None:
    """Sets or clears a flag. It takes effect at once, also for queued mail.

    Raises:
        UnknownRecipient: the brand has no such recipient.
    """
    if not await standings.set_standing_flag(brand, recipient_id, flag, on, source):
        raise UnknownRecipient(f"{brand} has no such recipient")


async def store_preferred_channel(
    standings: StandingStore, policy: Policy, recipient_id: int, channel: str, source: str
) -> None:
    """Sets the channel that a person chose: `email`, or another one, such as a letter (paltalk06-08).

    Raises:
        UnknownChannel: the brand has no such channel.
        UnknownRecipient: the brand has no such recipient.
    """
    check_brand_has_channel(policy, channel)
    if not await standings.set_preferred_channel(policy.brand, recipient_id, channel, source):
        raise UnknownRecipient(f"{policy.brand} has no such recipient")


def check_brand_has_channel(policy: Policy, channel: str) -> None:
    """Checks that a brand has a channel. Otherwise the person would get no mail, and nobody would tell them.

    Raises:
        UnknownChannel: the brand has no channel of this name.
    """
    if channel not in (EMAIL, *policy.channels):
        beside = f"{EMAIL}, {', '.join(policy.channels)}" if policy.channels else f"{EMAIL} only"
        raise UnknownChannel(f"{policy.brand} reaches nobody by {channel}; its policy has {beside}")


async def set_postal_address(
    standings: StandingStore, brand: str, recipient_id: int, lines: Sequence[str] | None, source: str
) -> None:
    """Stores a person's postal address, only for written notices. None deletes it (interpals-18).

    Raises:
        UnknownRecipient: the brand has no such recipient.
        RecipientErased: the person was erased.
    """
    if not await standings.set_recipient_postal_address(brand, recipient_id, lines, source):
        raise UnknownRecipient(f"{brand} has no such recipient")


async def store_whether_account_pays_for_product(
    standings: StandingStore, brand: str, recipient_id: int, product: str | None, paid: bool, source: str
) -> None:
    """Stores whether an account pays for a product. The product None means every product, or none (interpals-08).

    Raises:
        UnknownRecipient: the brand has no such recipient.
    """
    if not await standings.store_whether_product_is_paid(brand, recipient_id, product, paid, source):
        raise UnknownRecipient(f"{brand} has no such recipient")
