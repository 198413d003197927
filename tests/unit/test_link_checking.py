"""Asks for the links of a mail: which addresses are asked, how far redirects are followed, and how long it takes."""

import asyncio
import ipaddress
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from mailer.policy.link_urls import LinkResult, parse_link_url
from mailer.policy.webhook_urls import IpAddress, is_public_address
from mailer.ports.dns_lookup import Address, LookupFailed
from mailer.runtime.link_checking import ForwardProxy, LinkChecker, LinkLimits, read_proxy_setting
from tests.certificates import own_certificate
from tests.dns_zone import WrittenZone
from tests.link_servers import PageServer, TunnelProxy, proxying, redirect, serving, status

OWN = "https://mail.brand.example"
HERE = ipaddress.ip_address("127.0.0.1")
ZONE = WrittenZone(
    hosts={
        "shop.example": ["127.0.0.1"],
        "www.shop.example": ["127.0.0.1"],
        "other.example": ["127.0.0.1"],
        "inside.example": ["10.0.0.1"],
        "mapped.example": ["::ffff:127.0.0.1"],
        "127.0.0.1.nip.example": ["127.0.0.2"],
        "mixed.example": ["127.0.0.1", "10.0.0.1"],
        "mail.brand.example": ["127.0.0.1"],
    }
)


def is_this_machine(address: IpAddress) -> bool:
    """The stand-in of a public address, so that a test needs no Internet. All else is judged as ever."""
    return address == HERE or is_public_address(address)


def checker(**more: object) -> LinkChecker:
    """A checker that takes this machine's address as public."""
    return LinkChecker(lambda: ZONE, OWN, is_allowed=is_this_machine, **more)  # type: ignore[arg-type]


async def ask(url: str, **more: object) -> tuple[LinkResult, str]:
    """The answer to one link."""
    [answer] = await checker(**more).ask_for_links([url])
    return answer.result, answer.words


UNSAFE = [
    "http://127.0.0.1:{port}/",
    "http://2130706433:{port}/",
    "http://017700000001:{port}/",
    "http://0177.0.0.1:{port}/",
    "http://0x7f000001:{port}/",
    "http://0x7f.0.0.1:{port}/",
    "http://127.1:{port}/",
    "http://0:{port}/",
    "http://[::1]:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/",
    "http://[::ffff:7f00:1]:{port}/",
    "http://[64:ff9b::7f00:1]:{port}/",
    "http://[2002:7f00:1::]:{port}/",
    "http://[fe80::1%25lo]:{port}/",
    "http://localhost:{port}/",
    "http://LOCALHOST.:{port}/",
    "http://a.localhost:{port}/",
    "http://127。0。0。1:{port}/",
    "http://①②⑦.⓪.⓪.①:{port}/",
    "http://[::127.0.0.1]:{port}/",
    "http://[::ffff:0:127.0.0.1]:{port}/",
    "http://[0:0:0:0:0:ffff:127.0.0.1]:{port}/",
    "http://[64:ff9b:1::7f00:1]:{port}/",
    "http://[2001:0:7f00:1::80ff:fffe]:{port}/",
    "http://[fec0::1]/",
    "http://[ff02::1]/",
    "http://[fd00:ec2::254]/latest/meta-data/",
    "http://0.0.0.0:{port}/",
    "http://127.127.127.127:{port}/",
    "http://255.255.255.255/",
    "http://240.0.0.1/",
    "http://198.18.0.1/",
    "http://100.100.100.200/latest/meta-data/",
    "http://192.0.0.192/opc/v1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://metadata.google.internal/",
    "http://10.0.0.1/",
    "http://224.0.0.1/",
    "http://inside.example/",
    "http://mixed.example:{port}/",
    "http://mapped.example:{port}/",
    "http://127.0.0.1.nip.example:{port}/",
    "http://printer.local/",
]
NO_PAGES = [
    "file:///etc/passwd",
    "gopher://shop.example:{port}/_x",
    "ftp://shop.example/",
    "http://shop.example@127.0.0.1:{port}/",
    "http://127.0.0.1:{port}@shop.example/",
    "http://127.0.0.1\\@shop.example:{port}/",
    "http://shop.example:25/",
    "http://shop.example:0/",
    "http:///etc/passwd",
    "//127.0.0.1:{port}/",
    "http://shop.example/a\r\nX-Evil: 1",
    "javascript:alert(1)",
    "http://[::1/",
]


async def test_no_spelling_of_an_inner_address_is_connected_to() -> None:
    """Decimal, octal, hexadecimal, short, mapped, translated, by name, beside a public one: nothing arrives there."""
    async with serving(PageServer()) as server:
        for url in UNSAFE:
            [answer] = await LinkChecker(lambda: ZONE, OWN).ask_for_links([url.format(port=server.port)])
            assert answer.result is LinkResult.PRIVATE, url
        for url in NO_PAGES:
            assert (await ask(url.format(port=server.port)))[0] is LinkResult.FAILED, url
        assert server.asked == []


async def test_a_redirect_is_held_to_the_same() -> None:
    """A public page that leads to an inner address, or out of the web, is not followed, and reported."""
    async with serving(PageServer()) as inner:
        targets = [url.format(port=inner.port) for url in UNSAFE if "mixed" not in url]
        relative = ("//", "http:///", "http://shop.example/a")
        others = [url.format(port=inner.port) for url in NO_PAGES if not url.startswith(relative)]
        answers = {f"/{number}": redirect(url) for number, url in enumerate([*targets, *others]) if url.isascii()}
        async with serving(PageServer(answers)) as server:
            for number, url in enumerate([*targets, *others]):
                if url.isascii():
                    result, _ = await ask(f"http://shop.example:{server.port}/{number}")
                    assert result is (LinkResult.PRIVATE if number < len(targets) else LinkResult.FAILED), url
        assert inner.asked == []


async def test_an_address_is_the_one_that_was_checked() -> None:
    """A name that leads elsewhere at its second look-up (DNS rebinding) is refused then, or never looked up again."""

    @dataclass
    class Rebinding(WrittenZone):
        turns: list[Sequence[str]] = field(default_factory=lambda: [["127.0.0.1"], ["10.0.0.1"], ["10.0.0.1"]])

        async def host_addresses(self, name: str, version: Literal[4, 6] | None = None) -> Sequence[Address]:
            return [ipaddress.ip_address(one) for one in self.turns.pop(0)]

    async with serving(PageServer({"HEAD /": status(405)})) as server:
        zone = Rebinding()
        asking = LinkChecker(lambda: zone, OWN, is_allowed=is_this_machine)
        [answer] = await asking.ask_for_links([f"http://shop.example:{server.port}/"])
        assert (answer.result, server.asked) == (LinkResult.PRIVATE, ["HEAD /"])
        zone.turns = [["127.0.0.1"], ["10.0.0.1"]]
        [answer] = await asking.ask_for_links([f"http://shop.example:{server.port}/there"])
        assert (answer.result, len(zone.turns)) == (LinkResult.ANSWERED, 1)


async def test_answers_have_their_kinds() -> None:
    """A page, a redirect on the same site and to another, a missing page, a fault, and GET where HEAD is refused."""
    answers = {
        "/moved": redirect("/", 301),
        "/gone": status(410),
        "/missing": status(404),
        "/fault": status(500),
        "HEAD /no-head": status(405),
        "HEAD /lies": status(404),
        "/odd": b"SSH-2.0-OpenSSH\r\n\r\n",
    }
    async with serving(PageServer(answers)) as server:
        at = f"shop.example:{server.port}"
        answers["/away"] = redirect(f"http://other.example:{server.port}/")
        answers["/www"] = redirect(f"http://www.shop.example:{server.port}/")
        expected = {
            "/": (LinkResult.ANSWERED, "status 200"),
            "/?q=ü": (LinkResult.ANSWERED, "status 200"),
            "/moved": (LinkResult.ANSWERED, "status 200"),
            "/www": (LinkResult.ANSWERED, "status 200"),
            "/away": (LinkResult.REDIRECTED, "other.example"),
            "/gone": (LinkResult.MISSING, "status 410"),
            "/missing": (LinkResult.MISSING, "status 404"),
            "/fault": (LinkResult.REFUSED, "status 500"),
            "/no-head": (LinkResult.ANSWERED, "status 200"),
            "/lies": (LinkResult.ANSWERED, "status 200"),
            "/odd": (LinkResult.FAILED, "the answer is no HTTP"),
        }
        found = await checker().ask_for_links([f"http://{at}{path}" for path in expected])
        assert {one.url: (one.result, one.words) for one in found} == {
            f"http://{at}{path}": said for path, said in expected.items()
        }
        assert "HEAD /?q=%C3%BC" in server.asked
        assert not any(asked.startswith(("POST", "GET /u/")) for asked in server.asked)
        assert await ask("http://nowhere.example/") == (LinkResult.FAILED, "no address")


async def test_who_asks_is_said_and_nothing_else() -> None:
    """The request says who we are, keeps no cookie from a redirect, and its Host is the name."""
    moved = redirect("/there").replace(b"Content-Length", b"Set-Cookie: id=1\r\nContent-Length")
    async with serving(PageServer({"/": moved})) as server:
        await ask(f"http://shop.example:{server.port}/#part")
        assert server.asked == ["HEAD /", "HEAD /there"]
        for head in server.heads:
            assert f"\r\nHost: shop.example:{server.port}\r\n" in head
            assert f"\r\nUser-Agent: mailer-link-check (+{OWN})\r\n" in head
            assert "ookie" not in head


async def test_links_of_ours_are_never_asked_for() -> None:
    """A signed link acts for its reader. It is not asked for, nor is one to which another page leads."""
    async with serving(PageServer()) as server:
        own = f"http://mail.brand.example:{server.port}/u/token"
        server.answers = {"/": redirect(own)}
        for url in (own, f"http://shop.example:{server.port}/"):
            assert await ask(url) == (LinkResult.NOT_CHECKED, "it leads to a link of ours")
        assert server.asked == ["HEAD /"]


@pytest.mark.parametrize(
    ("location", "result"),
    [
        (b"http://shop.example/\r\n folded: http://127.0.0.1/", LinkResult.FAILED),
        (b"http://sh\xc3\xb6p.example/", LinkResult.FAILED),
        (b"\xff\xfe\x00", LinkResult.FAILED),
        (b"https://" + b"a" * 70_000, LinkResult.FAILED),
        (b"https://" + b"a" * 3_000, LinkResult.FAILED),
        (b"http://shop.example%2f@127.0.0.1/", LinkResult.FAILED),
        (b"http://127.0.0.1%00.shop.example/", LinkResult.FAILED),
        (b"http://shop.example:99999/", LinkResult.FAILED),
        (b"http://[::ffff:127.0.0.1", LinkResult.FAILED),
        (b"data:text/html,x", LinkResult.FAILED),
        (b"", LinkResult.FAILED),
    ],
)
async def test_a_redirect_out_of_form_is_a_fault(location: bytes, result: LinkResult) -> None:
    """Folded, not ASCII, endless, with a user, a port beyond all: each is a fault in words, and goes nowhere."""
    raw = b"HTTP/1.1 302 Moved\r\nLocation: " + location + b"\r\nContent-Length: 0\r\n\r\n"
    async with serving(PageServer({"/": raw})) as server:
        found, words = await ask(f"http://shop.example:{server.port}/")
    assert found is result
    assert words.isascii()
    assert len(words) < 120


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 50,
        b"HTTP/1.1 99999 Odd\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n: odd\r\nno colon\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"220 mail.example ESMTP\r\n\r\n",
        b"HTTP/1.1 302 Moved\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\n\r\n",
    ],
)
async def test_an_answer_out_of_form_is_a_fault_or_an_answer(raw: bytes) -> None:
    """Whatever a server sends, the check of its link ends with a result, and with no error."""
    async with serving(PageServer({"/": raw})) as server:
        found, _ = await ask(f"http://shop.example:{server.port}/")
    assert found in (LinkResult.FAILED, LinkResult.REFUSED, LinkResult.ANSWERED)


async def test_redirects_without_end_end() -> None:
    """A loop, and a chain of ever new addresses."""
    async with serving(PageServer({"/loop": redirect("/loop")})) as server:
        server.answers = {"/loop": redirect("/loop"), **{f"/{n}": redirect(f"/{n + 1}") for n in range(50)}}
        for path in ("/loop", "/0"):
            server.asked.clear()
            result, words = await ask(f"http://shop.example:{server.port}{path}")
            assert (result, words) == (LinkResult.FAILED, "it has more than 5 redirects")
            assert len(server.asked) == 6


async def test_a_check_ends_in_time_whatever_servers_do() -> None:
    """Servers that hang, send without end or send endless heads cost a bounded time, and not the others' answers."""
    limits = LinkLimits(links=12, at_once=4, seconds_per_link=0.4, seconds_in_all=0.9)
    head = b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 20_000
    server = PageServer({"/endless-head": head}, endless=frozenset(("/endless",)), hanging=frozenset(("/hang",)))
    async with serving(server):
        at, begun = f"http://shop.example:{server.port}", time.monotonic()
        urls = [f"{at}/", f"{at}/endless", f"{at}/endless-head", *[f"{at}/hang"] * 9, f"{at}/late"]
        found = await checker(limits=limits).ask_for_links(urls)
        assert time.monotonic() - begun < 5
        results = [one.result for one in found]
        assert results[:3] == [LinkResult.ANSWERED, LinkResult.ANSWERED, LinkResult.FAILED]
        assert set(results[3:12]) == {LinkResult.TIMEOUT, LinkResult.NOT_CHECKED}
        assert (found[12].result, found[12].words) == (LinkResult.NOT_CHECKED, "only the first 12 links are")
        assert server.most_open <= limits.at_once + 1  # a server sees a connection's end a little later
    assert await checker().ask_for_links([]) == []


async def test_a_body_is_not_read() -> None:
    """A server that answers a GET without end sends a few buffers of it at most, then the connection is cut."""
    server = PageServer({"HEAD /": status(405)}, endless=frozenset(("/",)))
    async with serving(server):
        assert (await ask(f"http://shop.example:{server.port}/"))[0] is LinkResult.ANSWERED
        await server.wait_until(lambda: not server.open_now)
        assert server.sent < 16 * 2**20


async def test_a_check_that_is_cancelled_leaves_nothing_behind() -> None:
    """A page that is closed meanwhile ends all connections."""
    server = PageServer(hanging=frozenset(("/",)))
    async with serving(server):
        asking = asyncio.create_task(checker().ask_for_links([f"http://shop.example:{server.port}/"]))
        await server.wait_until(lambda: bool(server.asked))
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await server.wait_until(lambda: not server.open_now)


async def test_a_certificate_is_checked(tmp_path: Path) -> None:
    """A certificate of nobody known, and one of another name, are faults of the link."""
    own, known = own_certificate(tmp_path, "shop.example")
    async with serving(PageServer(), own) as server:
        url = f"https://shop.example:{server.port}/"
        assert await ask(url) == (LinkResult.FAILED, "it has no valid certificate")
        other = f"https://other.example:{server.port}/"
        assert await ask(other, tls=known) == (LinkResult.FAILED, "it has no valid certificate")
        assert server.asked == []
        assert await ask(url, tls=known) == (LinkResult.ANSWERED, "status 200")


async def test_a_proxy_is_asked_for_the_address_that_was_checked(tmp_path: Path) -> None:
    """The proxy resolves no name, so it cannot be led to an inner address; one that refuses is reported."""
    async with serving(PageServer()) as server, proxying(TunnelProxy(server.port)) as proxy:
        through = ForwardProxy("127.0.0.1", proxy.port, "Basic dXNlcjpwYXNz")
        url = f"http://shop.example:{server.port}/"
        assert await ask(url, proxy=through) == (LinkResult.ANSWERED, "status 200")
        assert (await ask("http://inside.example/", proxy=through))[0] is LinkResult.PRIVATE
        assert (await ask("http://169.254.169.254/", proxy=through))[0] is LinkResult.PRIVATE
        [head] = proxy.asked
        assert head.startswith(f"CONNECT 127.0.0.1:{server.port} HTTP/1.1\r\n")
        assert "\r\nProxy-Authorization: Basic dXNlcjpwYXNz\r\n" in head
        assert "Proxy-Authorization" not in server.heads[0]
        proxy.refusal = status(403)
        assert await ask(url, proxy=through) == (LinkResult.FAILED, "the proxy answers 403")


async def test_tls_is_spoken_through_a_proxy(tmp_path: Path) -> None:
    """The certificate is checked against the name, not against the proxy's."""
    own, known = own_certificate(tmp_path, "shop.example")
    async with serving(PageServer(), own) as server, proxying(TunnelProxy(server.port)) as proxy:
        through = ForwardProxy("127.0.0.1", proxy.port)
        other = f"https://other.example:{server.port}/"
        assert await ask(other, proxy=through, tls=known) == (LinkResult.FAILED, "it has no valid certificate")
        assert (len(proxy.asked), server.asked) == (1, [])
        url = f"https://shop.example:{server.port}/"
        assert await ask(url, proxy=through, tls=known) == (LinkResult.ANSWERED, "status 200")
        assert server.asked == ["HEAD /"]


async def test_a_name_server_that_is_down_is_no_fault_of_a_link() -> None:
    """The link is told to be unchecked; without any name server, too."""
    down = LinkChecker(lambda: WrittenZone(down=frozenset(("shop.example",))), OWN)
    [answer] = await down.ask_for_links(["https://shop.example/"])
    assert (answer.result, answer.words) == (LinkResult.NOT_CHECKED, "the name server did not answer")

    def none() -> WrittenZone:
        raise LookupFailed("this machine names no name server")

    [answer] = await LinkChecker(none, OWN).ask_for_links(["https://shop.example/"])
    assert answer.result is LinkResult.NOT_CHECKED


def test_a_proxy_setting_is_read() -> None:
    """The variable that other programs read, in both spellings; a wrong one is said."""
    assert read_proxy_setting({}) is None
    assert read_proxy_setting({"HTTPS_PROXY": ""}) is None
    assert read_proxy_setting({"https_proxy": "proxy.example:8080"}) == ForwardProxy("proxy.example", 8080)
    assert read_proxy_setting({"HTTPS_PROXY": "http://u%40x:p@proxy.example"}) == ForwardProxy(
        "proxy.example", 3128, "Basic dUB4OnA="
    )
    for wrong in ("socks5://proxy.example", "https://proxy.example", "http://"):
        with pytest.raises(ValueError, match="HTTPS_PROXY"):
            read_proxy_setting({"HTTPS_PROXY": wrong})


def test_a_link_is_asked_for_by_its_name_in_ascii() -> None:
    """Names of other scripts by IDNA, other letters of the path by percent codes; what is coded stays."""
    link = parse_link_url("https://Bücher.example:8443/ä%20b?q=ü&r=%26#top")
    assert (link.host, link.port) == ("xn--bcher-kva.example", 8443)
    assert link.target == "/%C3%A4%20b?q=%C3%BC&r=%26"
    assert link.authority == "xn--bcher-kva.example:8443"
    assert parse_link_url("http://[2606:4700::1111]/").authority == "[2606:4700::1111]"
    with pytest.raises(ValueError, match="2,000"):
        parse_link_url("https://shop.example/" + "a" * 2000)
