"""Findings about what comes back: mailboxes that are read, webhooks of e-mail services, mailboxes that nobody reads."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from mailer.doctor.finding import Finding, ok_finding, problem_finding, warning_finding


def judge_read_mailbox(place: str, unseen: int) -> Finding:
    """Returns the finding about a mailbox into which a sign-in worked.

    Args:
        place: its server and folder.
        unseen: the number of messages that were not read yet.
    """
    return ok_finding(f"mailbox {place}", f"the sign-in works; {unseen:,} messages are unread")


def judge_unreadable_mailbox(place: str, reason: str) -> Finding:
    """Returns the finding about a mailbox that cannot be read, with the reason."""
    return problem_finding(f"mailbox {place}", f"it cannot be read: {reason}")


def judge_webhooks_of_services(
    services: Mapping[str, str], endpoints: Sequence[tuple[str, str]], public_url: str
) -> Iterator[Finding]:
    """Yields the address of each endpoint, and each service whose bounces and complaints would be lost.

    Args:
        services: the scheme of each processor that is a service's API, by the processor's name.
        endpoints: provider and name of each endpoint.
        public_url: the address of the web process.
    """
    for provider, name in endpoints:
        address = f"{public_url.rstrip('/')}/webhooks/{provider}/{name}"
        yield ok_finding(f"webhook {provider} {name}", f"enter {address} at the service")
    providers = {provider for provider, _ in endpoints}
    for name, scheme in services.items():
        if scheme not in providers:
            lost = f"bounces and complaints of its mail come by webhook; add {scheme}://… to MAILER_WEBHOOKS"
            yield warning_finding(f"webhook of {name}", lost)


def judge_mailboxes_of_brands(mailboxes: Mapping[str, Collection[str]], *, is_mail_received: bool) -> Iterator[Finding]:
    """Yields the brands whose policies name mailboxes, if this installation reads none.

    Args:
        mailboxes: the kinds of mailboxes that a policy names, such as `opt_out`, by brand.
        is_mail_received: whether `mailer inbound` has a listener or a mailbox.
    """
    for brand, named in mailboxes.items():
        if named and not is_mail_received:
            kinds = ", ".join(f"{kind}_mailbox" for kind in sorted(named))
            unread = f"its policy names {kinds}, and MAILER_INBOUND is empty: let `mailer inbound` read them, or others"
            yield warning_finding(f"mailboxes of {brand}", unread)
