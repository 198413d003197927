"""The schemes of `MAILER_PROCESSORS`: each has a folder here, and a function that opens its adapter from a URL."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from mailer.ports.processor import Processor
from mailer.processors.brevo.processor import open_brevo_processor, parse_brevo_url
from mailer.processors.capture.processor import CAPTURE_NAME, open_capture_processor
from mailer.processors.email_api.api_url import ApiSettings
from mailer.processors.mailgun.processor import open_mailgun_processor, parse_mailgun_url
from mailer.processors.postmark.processor import open_postmark_processor, parse_postmark_url
from mailer.processors.sendgrid.processor import open_sendgrid_processor, parse_sendgrid_url
from mailer.processors.ses.processor import open_ses_processor, parse_ses_url
from mailer.processors.smtp.processor import open_smtp_processor
from mailer.processors.smtp.relay_url import parse_relay_url
from mailer.processors.url_values import is_loopback


class ProcessorScheme(NamedTuple):
    """The functions of one scheme. Both raise ValueError for a wrong URL, and quote nothing that could be a password.

    Attributes:
        open_processor: opens the adapter of a URL. It also gets the folder `MAILER_DATA`, as some store files.
        name_in_url: returns the name that the adapter of a URL has in the ledger. It opens nothing.
        parse_api_url: returns the address and settings of a service's API; None: the scheme is no service's.
    """

    open_processor: Callable[[str, Path], Awaitable[Processor]]
    name_in_url: Callable[[str], str]
    parse_api_url: Callable[[str], ApiSettings] | None = None


def _scheme_of_service(
    open_processor: Callable[[str, Path], Awaitable[Processor]], parse_url: Callable[[str], ApiSettings]
) -> ProcessorScheme:
    return ProcessorScheme(open_processor, lambda url: parse_url(url).name, parse_url)


SCHEMES: Final[Mapping[str, ProcessorScheme]] = {
    "brevo": _scheme_of_service(open_brevo_processor, parse_brevo_url),
    "capture": ProcessorScheme(open_capture_processor, lambda url: CAPTURE_NAME),
    "mailgun": _scheme_of_service(open_mailgun_processor, parse_mailgun_url),
    "postmark": _scheme_of_service(open_postmark_processor, parse_postmark_url),
    "sendgrid": _scheme_of_service(open_sendgrid_processor, parse_sendgrid_url),
    "ses": _scheme_of_service(open_ses_processor, parse_ses_url),
    "smtp": ProcessorScheme(open_smtp_processor, lambda url: parse_relay_url(url).name),
}


def find_processor_scheme_for_url(url: str) -> ProcessorScheme:
    """Returns the scheme of a processor's URL.

    Raises:
        ValueError: there is no such scheme. The message does not quote the URL.
    """
    found = SCHEMES.get(url.partition(":")[0].lower())
    if found is None:
        raise ValueError(f"a processor's URL begins with {' or '.join(f'{name}://' for name in SCHEMES)}")
    return found


def hosts_of_outside_relays(urls: Iterable[str]) -> dict[str, str]:
    """Returns the host of each SMTP relay that is not on this machine, by the relay's name.

    A service has no entry: it sends from addresses of its own.

    Raises:
        ValueError: a URL is wrong. The message does not quote it.
    """
    relays = [parse_relay_url(url) for url in urls if find_processor_scheme_for_url(url) is SCHEMES["smtp"]]
    return {relay.name: relay.host for relay in relays if not is_loopback(relay.host)}


async def start_shutdown_timers_on_stop(processors: Sequence[Processor], stop: asyncio.Event) -> None:
    """Waits for the stop signal, then limits the time of all running windows.

    Without the limit, a relay could take ten minutes for an answer.
    """
    await stop.wait()
    for processor in processors:
        processor.start_shutdown_timers()
