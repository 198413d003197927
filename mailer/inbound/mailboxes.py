"""The mailboxes for which mail is accepted: return paths that we signed, and the role addresses of each brand."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from mailer.policy.policy_file import Policy
from mailer.policy.text_formats import split_sender
from mailer.ports.received_mail import Mailbox
from mailer.rendering.signed_links import BOUNCE_PREFIX, SignedLinks

LONGEST_ADDRESS: Final = 254
"""The most octets of an address (RFC 5321 4.5.3.1.3, less the brackets)."""
_ROLES: Final = {"postmaster": Mailbox.POSTMASTER, "abuse": Mailbox.ABUSE}
"""Role addresses of each domain (RFC 5321 4.5.1, RFC 2142 4), in any case."""


@dataclass(frozen=True, slots=True)
class KnownMailbox:
    """A mailbox of a brand."""

    brand: str
    mailbox: Mailbox


class MailboxDirectory:
    """Finds the mailbox of an address.

    Args:
        policies: the policies by brand; each names its domain and its mailboxes.
        links: reads return paths.
    """

    def __init__(self, policies: Mapping[str, Policy], links: SignedLinks) -> None:
        self._links = links
        # Two brands may share a domain or a mailbox. Then the first one answers for it.
        everybody = [*reversed([*policies.values()])]
        self._brands = {domain: policy.brand for policy in everybody for domain in mail_domains_of_brand(policy)}
        self._named = {
            address: KnownMailbox(policy.brand, mailbox)
            for policy in everybody
            for address, mailbox in mailboxes_of_brand(policy).items()
        }

    def find_mailbox(self, address: str) -> KnownMailbox | None:
        """Returns the mailbox of an address; None if mail for it must be refused.

        A return path that we did not sign is refused, too: it can only be guessed, or made by a key that was removed.
        """
        if len(address.encode("utf-8", "replace")) > LONGEST_ADDRESS:
            return None
        local, _, domain = address.lower().rpartition("@")
        # After the + of the opt-out mailbox stands a token. A changed one is no reason to refuse the letter.
        if found := self._named.get(address.lower()) or self._named.get(f"{local.partition('+')[0]}@{domain}"):
            return found
        brand = self._brands.get(domain)
        if brand is None:
            return None
        if mailbox := _ROLES.get(local):
            return KnownMailbox(brand, mailbox)
        if local.startswith(BOUNCE_PREFIX) and self._links.read_return_path(address) is not None:
            return KnownMailbox(brand, Mailbox.RETURN_PATH)
        return None


def mailboxes_of_brand(policy: Policy) -> dict[str, Mailbox]:
    """Returns the addresses that a policy names, in lower case, with their mailboxes.

    Those from which the brand's mail comes are among them: an answer to a mail goes there.
    """
    senders = (policy.senders.mandatory, policy.senders.optional)
    named = [
        *((split_sender(sender)[1], Mailbox.REPLY) for sender in senders),
        (policy.privacy_mailbox, Mailbox.PRIVACY),
        (policy.support_mailbox, Mailbox.SUPPORT),
        (policy.opt_out_mailbox, Mailbox.OPT_OUT),
    ]
    return {address.lower(): mailbox for address, mailbox in named if address}


def mail_domains_of_brand(policy: Policy) -> dict[str, None]:
    """Returns the domains of a brand that have mail, in lower case: its own, and those of its senders."""
    senders = (policy.senders.mandatory, policy.senders.optional)
    named = (policy.domain, *(split_sender(sender)[1].rpartition("@")[2] for sender in senders))
    return dict.fromkeys(domain.lower() for domain in named)
