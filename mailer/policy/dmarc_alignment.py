"""The check that the From of a brand's mail is aligned with its domain, as DMARC defines it (RFC 7489 3.1)."""

from mailer.policy.rule_registry import rule
from mailer.policy.text_formats import split_sender


@rule("aligned", "paltalk02-05; RFC 7489 3.1", idle=False)
def is_sender_misaligned(domain: str, sender: str) -> bool:
    """Each From is of the domain that signs the mail and takes its bounces, or of one below it.

    Args:
        domain: the policy's, which signs (DKIM) and is the return path's (SPF).
        sender: `Name <address>`.
    """
    there = split_sender(sender)[1].rpartition("@")[2].lower()
    return there != domain.lower() and not there.endswith(f".{domain.lower()}")
