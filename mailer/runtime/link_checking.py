"""Asks servers whether the links of a mail lead to pages: within limits, and from public addresses only."""

import asyncio
import ssl
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import unquote, urljoin, urlsplit

from mailer.policy.link_urls import LinkAnswer, LinkHostRefused, LinkResult, LinkUrl, parse_link_url
from mailer.policy.webhook_urls import IpAddress, is_public_address
from mailer.ports.dns_lookup import DnsLookup, LookupFailed
from mailer.runtime.checked_http import (
    AddressRefused,
    AnswerHead,
    RequestFailed,
    Streams,
    find_public_addresses,
    open_connection_to_first,
    read_answer_head,
)

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_GONE: Final = frozenset({404, 410})
_PROXY_PORT: Final = 3128


@dataclass(frozen=True, slots=True)
class LinkLimits:
    """The limits of a check of links.

    Attributes:
        links: the most links that are asked for.
        at_once: how many of them at the same time.
        seconds_per_link: the longest time for one, with its redirects.
        seconds_in_all: the longest time for all of them.
        redirects: the most redirects that one may have.
    """

    links: int = 50
    at_once: int = 8
    seconds_per_link: float = 5.0
    seconds_in_all: float = 30.0
    redirects: int = 5


@dataclass(frozen=True, slots=True)
class ForwardProxy:
    """A proxy through which this installation reaches the web: its host, port, and `Proxy-Authorization` or None."""

    host: str
    port: int
    authorization: str | None = None


def read_proxy_setting(environment: Mapping[str, str]) -> ForwardProxy | None:
    """Returns the proxy that `HTTPS_PROXY` or `https_proxy` names, or None. It is reached by http.

    Raises:
        ValueError: it is no address of a proxy.
    """
    value = environment.get("HTTPS_PROXY") or environment.get("https_proxy")
    if not value:
        return None
    parts = urlsplit(value if "://" in value else f"http://{value}")
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError("HTTPS_PROXY: is no address of a proxy; write http://host:port")
    user = f"{unquote(parts.username)}:{unquote(parts.password or '')}" if parts.username else None
    basic = f"Basic {b64encode(user.encode()).decode()}" if user else None
    return ForwardProxy(parts.hostname, parts.port or _PROXY_PORT, basic)


class LinkChecker:
    """Asks for links by HEAD, and by GET where a server refuses that. Bodies are not read, and cookies not kept.

    A name is resolved, all its addresses are checked, and the connection goes to one of these addresses, also through
    a proxy: no second look-up can lead elsewhere (DNS rebinding). Each redirect is checked again. Our own links are
    never asked for, as some of them act.

    Args:
        open_dns: makes what resolves names, at the first name; it may raise `LookupFailed`.
        own_url: the address under which recipients reach us; it is told to the servers that are asked.
        proxy: the proxy to use, if any.
        tls: the context of https; None: the system's authorities are trusted.
        is_allowed: tells whether an address may be connected to.
        limits: the limits.
    """

    def __init__(
        self,
        open_dns: Callable[[], DnsLookup],
        own_url: str,
        *,
        proxy: ForwardProxy | None = None,
        tls: ssl.SSLContext | None = None,
        is_allowed: Callable[[IpAddress], bool] = is_public_address,
        limits: LinkLimits = LinkLimits(),
    ) -> None:
        self._open_dns = open_dns
        self._dns: DnsLookup | None = None
        self._own_url = own_url
        self._proxy = proxy
        self._tls = tls or ssl.create_default_context()
        self._is_allowed = is_allowed
        self._limits = limits

    async def ask_for_links(self, urls: Sequence[str]) -> list[LinkAnswer]:
        """Returns the answer to each link, in their order. Takes `seconds_in_all` at most.

        A connection that is slow to end is cut.
        """
        gate = asyncio.Semaphore(self._limits.at_once)
        asked = [asyncio.create_task(self._ask_within_time(url, gate)) for url in urls[: self._limits.links]]
        try:
            if asked:
                await asyncio.wait(asked, timeout=self._limits.seconds_in_all)
        finally:
            for task in asked:
                task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        answers = [
            LinkAnswer(url, LinkResult.NOT_CHECKED, "the time of the check was over")
            if task.cancelled()
            else task.result()
            for url, task in zip(urls, asked, strict=False)
        ]
        words = f"only the first {self._limits.links} links are"
        return [*answers, *(LinkAnswer(url, LinkResult.NOT_CHECKED, words) for url in urls[len(asked) :])]

    async def _ask_within_time(self, url: str, gate: asyncio.Semaphore) -> LinkAnswer:
        async with gate:
            try:
                async with asyncio.timeout(self._limits.seconds_per_link):
                    return await self._ask_following_redirects(url)
            except TimeoutError:
                return LinkAnswer(url, LinkResult.TIMEOUT, f"{self._limits.seconds_per_link:g} seconds were not enough")
            except (AddressRefused, LinkHostRefused) as error:
                return LinkAnswer(url, LinkResult.PRIVATE, str(error))
            except LookupFailed:
                return LinkAnswer(url, LinkResult.NOT_CHECKED, "the name server did not answer")
            except ssl.SSLError:  # some are also of the type ValueError
                return LinkAnswer(url, LinkResult.FAILED, "it has no valid certificate")
            except (RequestFailed, ValueError) as error:
                return LinkAnswer(url, LinkResult.FAILED, str(error))
            except (OSError, EOFError):
                return LinkAnswer(url, LinkResult.FAILED, "the connection failed")

    async def _ask_following_redirects(self, url: str) -> LinkAnswer:
        """Asks for a link and for what it leads on to.

        Raises:
            RequestFailed, LookupFailed, ValueError, OSError, EOFError: there is no answer.
        """
        here = url
        for _ in range(self._limits.redirects + 1):
            target = parse_link_url(here)
            if target.host == urlsplit(self._own_url).hostname:
                return LinkAnswer(url, LinkResult.NOT_CHECKED, "it leads to a link of ours")
            head = await self._ask_by_head_or_get(target)
            location = head.fields.get("Location")
            if head.status not in _REDIRECTS or location is None:
                return _judge_answer(url, target, head.status)
            here = urljoin(here, str(location).strip())
        raise RequestFailed(f"it has more than {self._limits.redirects} redirects")

    async def _ask_by_head_or_get(self, target: LinkUrl) -> AnswerHead:
        try:
            head = await self._ask(target, "HEAD")
        except (EOFError, ConnectionResetError, RequestFailed) as error:
            if isinstance(error, AddressRefused):
                raise
            return await self._ask(target, "GET")
        return await self._ask(target, "GET") if head.status >= 400 else head

    async def _ask(self, target: LinkUrl, method: Literal["HEAD", "GET"]) -> AnswerHead:
        reader, writer = await self._open_connection(target)
        try:
            writer.write(self._request_head(target, method))
            await writer.drain()
            return await read_answer_head(reader)
        finally:
            writer.transport.abort()

    async def _open_connection(self, target: LinkUrl) -> Streams:
        """Connects to an address of a host that was checked, through the proxy if there is one."""
        if self._dns is None:
            self._dns = self._open_dns()
        addresses = await find_public_addresses(self._dns, target.host, self._is_allowed)
        tls = self._tls if target.is_encrypted else None
        if self._proxy is None:
            seconds = self._limits.seconds_per_link
            return await open_connection_to_first(addresses, target.port, tls, target.host, seconds)
        reader, writer = await asyncio.open_connection(self._proxy.host, self._proxy.port)
        try:
            await _open_tunnel(reader, writer, self._proxy, addresses[0], target.port)
            if tls is not None:
                await writer.start_tls(tls, server_hostname=target.host)
        except BaseException:
            writer.transport.abort()
            raise
        return reader, writer

    def _request_head(self, target: LinkUrl, method: str) -> bytes:
        lines = (
            f"{method} {target.target} HTTP/1.1",
            f"Host: {target.authority}",
            f"User-Agent: mailer-link-check (+{self._own_url})",
            "Accept: text/html,*/*;q=0.8",
            "Connection: close",
        )
        return "\r\n".join([*lines, "", ""]).encode("ascii")


async def _open_tunnel(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, proxy: ForwardProxy, address: IpAddress, port: int
) -> None:
    """Asks a proxy for a connection to an address that was checked, rather than to a name that it would resolve.

    Raises:
        RequestFailed: the proxy refuses.
    """
    to = f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"
    lines = [f"CONNECT {to} HTTP/1.1", f"Host: {to}"]
    if proxy.authorization:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    writer.write("\r\n".join([*lines, "", ""]).encode("ascii"))
    await writer.drain()
    status, _ = await read_answer_head(reader)
    if status // 100 != 2:
        raise RequestFailed(f"the proxy answers {status}")


def _judge_answer(url: str, last: LinkUrl, status: int) -> LinkAnswer:
    """Returns the answer to a link by the status of the last address to which it led."""
    if status in _GONE:
        return LinkAnswer(url, LinkResult.MISSING, f"status {status}")
    if status // 100 != 2:
        return LinkAnswer(url, LinkResult.REFUSED, f"status {status}")
    first = parse_link_url(url).host.removeprefix("www.")
    if last.host.removeprefix("www.") != first:
        return LinkAnswer(url, LinkResult.REDIRECTED, last.host)
    return LinkAnswer(url, LinkResult.ANSWERED, f"status {status}")
