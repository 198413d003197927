"""The checks of `mailer doctor` about what comes back."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import closing

from mailer.doctor.finding import Finding, problem_finding
from mailer.doctor.received_mail import (
    judge_mailboxes_of_brands,
    judge_read_mailbox,
    judge_unreadable_mailbox,
    judge_webhooks_of_services,
)
from mailer.inbound.collection.imap_session import ImapSession, MailboxAway, MailboxRefused
from mailer.inbound.collection.imap_url import ImapUrl, is_imap_url, parse_imap_url
from mailer.inbound.webhooks.registry import parse_webhook_endpoints
from mailer.policy.policy_file import Policy
from mailer.processors.registry import SCHEMES
from mailer.settings import Settings


async def examine_mailboxes_and_webhooks(current: Settings, policies: Mapping[str, Policy]) -> list[Finding]:
    """Returns the findings about mailboxes and webhooks. It signs in to mailboxes, and changes nothing in them.

    Args:
        current: the settings.
        policies: the policies by brand whose mailboxes somebody has to read; none while mail goes to nobody.
    """
    return [
        *_examine_webhooks(current),
        *judge_mailboxes_of_brands(
            {brand: _kinds_of_named_mailboxes(policy) for brand, policy in policies.items()},
            is_mail_received=bool(current.inbound),
        ),
        *await _examine_mailboxes(current),
    ]


def _examine_webhooks(current: Settings) -> list[Finding]:
    try:
        endpoints = parse_webhook_endpoints(current.webhooks)
    except ValueError as error:
        return [problem_finding("webhooks", f"MAILER_WEBHOOKS: {error}")]
    schemes = ((url, url.partition(":")[0].lower()) for url in current.processors)
    services = {SCHEMES[name].name_in_url(url): name for url, name in schemes if SCHEMES[name].parse_api_url}
    return list(judge_webhooks_of_services(services, list(endpoints), current.public_url))


async def _examine_mailboxes(current: Settings) -> Sequence[Finding]:
    try:
        urls = [parse_imap_url(text) for text in current.inbound if is_imap_url(text)]
    except ValueError as error:
        return [problem_finding("mailboxes", f"MAILER_INBOUND: {error}")]
    return await asyncio.gather(*(asyncio.to_thread(_examine_mailbox, url) for url in urls))


def _examine_mailbox(url: ImapUrl) -> Finding:
    try:
        with closing(ImapSession(url)) as session:
            return judge_read_mailbox(url.place, len(session.list_unseen()))
    except (MailboxRefused, MailboxAway) as error:
        return judge_unreadable_mailbox(url.place, str(error))


def _kinds_of_named_mailboxes(policy: Policy) -> list[str]:
    named = {"opt_out": policy.opt_out_mailbox, "support": policy.support_mailbox, "privacy": policy.privacy_mailbox}
    return [kind for kind, address in named.items() if address]
