import asyncio
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser

import httpx
import pytest

from mailer.rendering.link_tokens import ClickToken
from mailer.web.captured_mail_inbox import create_inbox_app
from mailer.web.languages import LANGUAGES
from mailer.web.tracking import write_counts_each_hour
from tests.integration.web_world import MAILING, Mail, Mails, World

BROWSER = {"user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}


async def test_get_and_head_ask_and_change_nothing() -> None:
    """Following an unsubscribe link shows a form, and leaves the standing as it was (invariant 5)."""
    world = World()
    async with world.client() as client:
        page = await client.get(world.unsubscribe())
        head = await client.head(world.unsubscribe())
    assert page.status_code == head.status_code == 200
    assert "Unsubscribe from InterPals mail?" in page.text
    assert "Newsletter" in page.text
    assert '<form method="post">' in page.text
    assert "ada@" not in page.text
    assert world.standings.changes == []


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/x-www-form-urlencoded", b"List-Unsubscribe=One-Click"),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--',
        ),
        ("multipart/form-data; boundary=b", b"not multipart at all"),
        ("multipart/form-data", b"\x00\xff"),
        ("application/x-www-form-urlencoded", b"%%%&&==\xff"),
        ("application/json", b'{"scope": "all"}'),
        (None, b""),
        (None, b"scope=all"),
    ],
)
@pytest.mark.parametrize("agent", ["", None, "Mozilla/5.0"])
async def test_one_click_takes_any_body_from_anybody(kind: str | None, body: bytes, agent: str | None) -> None:
    """A POST leaves the link's category with a plain 200, for any body from any client (RFC 8058 3.2)."""
    world = World()
    headers = {"content-type": kind} if kind else {}
    async with world.client() as client:
        del client.headers["user-agent"]
        answer = await client.post(
            world.unsubscribe(), content=body, headers=headers | ({} if agent is None else {"user-agent": agent})
        )
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    assert world.standings.changes == [("interpals", 17, "newsletter", "one-click")]


async def test_one_click_again_is_as_good_as_once() -> None:
    """The same POST twice gives the same page twice, and one category left."""
    world = World()
    async with world.client() as client:
        first = await client.post(world.unsubscribe())
        second = await client.post(world.unsubscribe())
    assert first.text == second.text
    assert second.status_code == 200
    assert world.standings.rows["interpals", 17].opted_out == {"newsletter"}


async def test_the_pages_buttons_leave_a_category_or_everything() -> None:
    """The form's two buttons do what they say, and the page afterwards says what still comes."""
    world = World()
    ada = world.standings.rows["interpals", 17]
    world.standings.rows["interpals", 17] = replace(ada, source="sign-up", country="US")
    async with world.client() as client:
        one = await client.post(world.unsubscribe(), data={"scope": "category"})
        everything = await client.post(world.unsubscribe(), data={"scope": "all"})
        after = await client.get(world.unsubscribe("promotional"))
    assert [change[2:] for change in world.standings.changes] == [("newsletter", "page"), ("*", "page")]
    assert "You are unsubscribed" in one.text
    assert "Offers" in one.text.partition("You still get")[2]
    assert "Messages about your account" in one.text
    assert "Offers" not in everything.text.partition("You still get")[2]
    assert "already unsubscribed" in after.text
    assert 'name="scope"' not in after.text


async def test_nobody_is_told_of_mail_that_never_comes() -> None:
    """A person who gets no offers, for want of a basis or of a consent, does not read that they still come."""
    world = World()
    ada = world.standings.rows["interpals", 17]
    for source in (None, "sign-up"):
        world.standings.rows["interpals", 17] = replace(ada, source=source, country="FR")
        async with world.client() as client:
            page = await client.post(world.unsubscribe(), data={"scope": "category"})
        still = page.text.partition("You still get")[2]
        assert "Notifications" in still
        assert "Offers" not in still
        assert 'value="all"' in still  # what does not come now can be left for good, too


async def test_a_category_that_left_the_policy_leaves_everything_optional() -> None:
    """A link outlives its category: where nothing of that name can be left, all that is optional is."""
    world = World()
    async with world.client() as client:
        page = await client.get(world.unsubscribe("postcards"))
        await client.post(world.unsubscribe("postcards"))
    assert "All optional mail" in page.text
    assert world.standings.changes == [("interpals", 17, "*", "one-click")]


async def test_somebody_who_is_gone_gets_the_answer_of_somebody_who_is_there() -> None:
    """An unknown recipient's link answers as one of an earlier address does, so that it reveals nothing."""
    world = World()
    async with world.client() as client:
        known = await client.post(world.unsubscribe(generation=None))
        unknown = await client.post(world.unsubscribe(recipient_id=99))
        page = await client.get(world.unsubscribe(recipient_id=98))
    assert (unknown.status_code, unknown.text) == (known.status_code, known.text)
    assert page.status_code == 200
    assert len(world.standings.changes) == 1


@pytest.mark.parametrize(
    "behind", [".", ")", ",", ";", "%3E", "%22", "'", "%20", "%20%20", "%E2%80%9D", ").%20Harbor", "/", "//", "./"]
)
async def test_a_link_works_with_what_a_mail_program_took_along(behind: str) -> None:
    """A full stop, a bracket or a space behind the link does no harm: page and button work."""
    world = World()
    async with world.client() as client:
        page = await client.get(world.unsubscribe() + behind)
        pressed = await client.post(world.unsubscribe() + behind, data={"scope": "category"})
        broken = await client.post(world.unsubscribe()[:-1] + behind)
    assert (page.status_code, pressed.status_code, broken.status_code) == (200, 200, 400)
    assert "<form" in page.text
    assert world.standings.changes == [("interpals", 17, "newsletter", "page")]


@pytest.mark.parametrize("token", ["nonsense", "a.b", "%00", "x" * 5000, "%F0%9F%92%A9", "..%2F..%2Fetc"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
async def test_a_bad_token_gets_a_clear_page(method: str, token: str) -> None:
    """A token that we did not sign gets 400 and a page that helps. Nothing is changed."""
    world = World()
    async with world.client() as client:
        answer = await client.request(method, f"/u/{token}")
    assert answer.status_code == (404 if "%2F" in token else 400)
    assert answer.headers["content-type"].startswith("text/html")
    assert world.standings.changes == []


async def test_a_token_is_bound_to_its_purpose_and_brand() -> None:
    """A pixel's token and one of a brand without policy open no unsubscribe page."""
    world = World()
    async with world.client() as client:
        pixel = await client.post("/u/" + world.pixel().removeprefix("/o/").removesuffix(".gif"))
        brand = await client.post(world.unsubscribe(brand="nobody"))
    assert pixel.status_code == brand.status_code == 400
    assert pixel.text == brand.text
    assert "This link does not work" in pixel.text


async def test_the_page_speaks_the_readers_language() -> None:
    """Accept-Language decides, Arabic reads from right to left, and caches are told."""
    world = World()
    async with world.client() as client:
        arabic = await client.get(world.unsubscribe(), headers={"accept-language": "it, ar-EG;q=0.8, en;q=0.5"})
        german = await client.get("/u/bad", headers={"accept-language": "de-AT"})
    assert '<html lang="ar" dir="rtl">' in arabic.text
    assert "إلغاء الاشتراك" in arabic.text
    assert '<html lang="de" dir="ltr">' in german.text
    assert arabic.headers["vary"] == "accept-language"


class _Outside(HTMLParser):
    """Collects every address that a page loads, its scripts, and apart from these its links."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        loaded = [
            value or "" for name, value in attrs if name in ("src", "href", "action", "style") or name[:2] == "on"
        ]
        if tag == "a":
            self.links += loaded
        else:
            self.found += [tag] if tag == "script" else [value for value in loaded if value != "data:,"]


async def test_pages_are_self_contained_and_locked_down() -> None:
    """A public page loads nothing, runs nothing, and says so in its headers."""
    world = World()
    async with world.client() as client:
        page = await client.get(world.unsubscribe())
    outside = _Outside()
    outside.feed(page.text)
    [logo] = outside.found
    assert logo.startswith("data:image/svg+xml;base64,")
    brand = ["mailto:privacy@interpals.example", "https://www.interpals.example/privacy"]
    ours = ["https://mail.example/leave/interpals", "https://mail.example/data/interpals"]
    assert outside.links == [*brand, *ours, *(f"?lang={code}" for code in LANGUAGES)]
    policy = page.headers["content-security-policy"]
    assert re.fullmatch(
        r"default-src 'none'; style-src 'sha256-[\w+/]{43}='; img-src data:; form-action 'self'; frame-src 'self'; "
        "frame-ancestors 'none'; base-uri 'none'",
        policy,
    )
    assert page.headers["x-frame-options"] == "DENY"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["strict-transport-security"].startswith("max-age=")
    assert page.headers["server"] == "mailer"


async def test_a_site_on_plain_http_promises_no_https() -> None:
    """HSTS is said only where the public address is https (RFC 6797 7.2)."""
    async with World(public_url="http://127.0.0.1:8000").client() as client:
        answer = await client.get("/healthz")
    assert "strict-transport-security" not in answer.headers


@pytest.mark.parametrize(
    ("headers", "machine"),
    [(BROWSER, False), ({"user-agent": "Mozilla/5.0"}, True), (BROWSER | {"sec-purpose": "prefetch"}, True)],
)
async def test_the_pixel_counts_an_open(headers: dict[str, str], machine: bool) -> None:
    """One fetch is one open of the mailing, people's and machines' apart, and never kept in a cache."""
    world = World()
    async with world.client() as client:
        answer = await client.get(world.pixel(), headers=headers)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/gif"
    assert answer.headers["cache-control"] == "no-store"
    assert len(answer.content) == 43
    assert answer.content.startswith(b"GIF89a\x01\x00\x01\x00")
    assert world.opens.counted == [(MAILING, machine)]


async def test_the_pixel_answers_whatever_happens() -> None:
    """HEAD counts nothing; a bad token and a broken database still give the image."""
    world = World()
    async with world.client() as client:
        head = await client.head(world.pixel())
        bad = await client.get("/o/nonsense.gif")
        world.opens.broken = True
        broken = await client.get(world.pixel())
    assert [head.status_code, bad.status_code, broken.status_code] == [200, 200, 200]
    assert bad.content == broken.content
    assert len(bad.content) == 43
    assert world.opens.counted == []


async def test_neither_metrics_nor_the_log_tell_that_somebody_reads(production_log: Callable[[], str]) -> None:
    """Metrics are the same after a fetch of a pixel and a click, and no line is logged; a bad link is still seen."""
    world = World()
    async with world.client() as client:
        await client.get("/c/nonsense")
        before = world.metrics, production_log()
        await client.get(world.pixel(), headers=BROWSER)
        await client.get(world.links.click_url(ClickToken(MAILING, "https://shop.example/")), headers=BROWSER)
        after = world.metrics, production_log()
    assert before == after
    assert 'route="/c/{token}",status="400"' in before[0]
    assert "request='GET /c/{token}' status=400" in before[1]


async def test_metrics_rise_with_what_is_written() -> None:
    """Opens are added to the metrics once they are written, also after an error; the rest is parked at the end."""
    world, stop = World(), asyncio.Event()
    meters = world.app.state.meters
    async with world.client() as client:
        for headers in (BROWSER, BROWSER, {"user-agent": "curl/8"}):
            await client.get(world.pixel(), headers=headers)
        keeping = asyncio.create_task(write_counts_each_hour(world.opens, meters, stop))
        await world.opens.wrote.wait()
        world.opens.away = True
        await client.get(world.pixel(), headers=BROWSER)
        stop.set()
        await keeping
    assert 'mailer_opens_total{by="person"} 2.0' in world.metrics
    assert 'mailer_opens_total{by="machine"} 1.0' in world.metrics
    assert world.opens.parked == [(MAILING, False)]


async def test_logs_and_metrics_name_nobody(production_log: Callable[[], str]) -> None:
    """No token, address or user agent is in a log line or a metric, not even when the database fails."""
    world = World()
    async with world.client() as client:
        await client.get(world.pixel(), headers=BROWSER)
        await client.post(world.unsubscribe())
        await client.get("/u/secret-token")
        world.standings.broken = True
        failed = await client.post(world.unsubscribe())
    assert failed.status_code == 500
    assert "Something went wrong on our side" in failed.text
    metrics = world.metrics
    logged = production_log()
    written = logged + metrics
    assert re.search(r"\[info +\] request +ms=[\d.]+ request='POST /u/\{token\}' status=200$", logged, re.MULTILINE)
    assert re.search(
        r"a request failed .*builtins.ConnectionError at .* request='POST /u/\{token\}'$", logged, re.MULTILINE
    )
    for secret in (world.unsubscribe()[3:], world.pixel()[3:], "secret-token", "ada@", "Firefox"):
        assert secret not in written
    assert 'mailer_http_requests_total{method="POST",route="/u/{token}",status="500"} 1.0' in metrics
    assert 'mailer_opt_outs_total{brand="interpals",scope="newsletter"} 1.0' in metrics
    assert "mailer_opens_total{" not in metrics, "it would tell when somebody read"


async def test_paths_and_methods_that_do_not_exist_make_no_metrics_of_their_own() -> None:
    """A client that probes the site cannot make its metrics grow."""
    world = World()
    async with world.client() as client:
        for probe in ("/wp-login.php", "/u", "/u/x/y", "/docs", "/inbox/x"):
            assert (await client.get(probe)).status_code == 404, probe
        assert (await client.request("BREW", "/u/x")).status_code == 405
    metrics = world.metrics
    assert 'mailer_http_requests_total{method="GET",route="none",status="404"} 5.0' in metrics
    assert 'method="other",route="/u/{token}",status="405"' in metrics
    assert "BREW" not in metrics


async def test_a_page_takes_no_large_body() -> None:
    """A body of more than 64 kB for a page is refused with 413, and nothing is changed."""
    world = World()
    async with world.client() as client:
        answer = await client.post(world.unsubscribe(), content=b"x" * 65_537)
    assert answer.status_code == 413
    assert world.standings.changes == []


async def test_the_public_port_shows_operators_nothing() -> None:
    """The public port says that it answers. It has no metrics, no readiness and no inbox."""
    async with World().client() as client:
        lives = await client.get("/healthz")
        hidden = [await client.get(path) for path in ("/metrics", "/livez", "/readyz", "/inbox", "/inbox/m1")]
    assert (lives.status_code, lives.json()) == (200, {"status": "ok"})
    assert [answer.status_code for answer in hidden] == [404] * 5


async def test_the_inbox_shows_mail_safely() -> None:
    """Captured mail is listed and shown as page, text, headers and file; its HTML can run and load nothing."""
    script = (
        "<html><head></head><body><script>alert(1)</script><a href='https://mail.example/u/x'>Leave</a></body></html>"
    )
    mail = Mail(
        "m1",
        "<b>Hello</b>",
        script,
        "Hello in text",
        [("Feedback-ID", "spring:newsletter:interpals:mailer"), ("To", "<x>")],
    )
    async with _inbox([mail]) as client:
        listed = (await client.get("/inbox")).text
        page = (await client.get("/inbox/m1")).text
        text = (await client.get("/inbox/m1/text")).text
        headers = (await client.get("/inbox/m1/headers")).text
        frame = await client.get("/inbox/m1/html")
        raw = await client.get("/inbox/m1/raw")
        missing = await client.get("/inbox/m2")
    assert "&lt;b&gt;Hello&lt;/b&gt;" in listed
    assert '<span class="badge newsletter">newsletter</span>' in listed
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page
    assert "<script>" not in page
    assert "Hello in text" in text
    assert "&lt;x&gt;" in headers
    assert "sandbox allow-popups" in frame.headers["content-security-policy"]
    assert "default-src 'none'" in frame.headers["content-security-policy"]
    assert frame.headers["x-frame-options"] == "SAMEORIGIN"
    assert '<head><base target="_blank">' in frame.text
    assert raw.content == mail.raw
    assert raw.headers["content-disposition"] == 'attachment; filename="m1.eml"'
    assert missing.status_code == 404


async def test_the_inbox_has_pages() -> None:
    """A long inbox is shown fifty mails at a time."""
    mails = [Mail(f"m{number}", f"Mail {number}.", None, None, []) for number in range(120)]
    async with _inbox(mails) as client:
        last = (await client.get("/inbox?page=3")).text
        empty = (await client.get("/inbox?page=9")).text
        bare = (await client.get("/inbox/m1")).text
    assert "Mail 100." in last
    assert "Mail 119." in last
    assert "Mail 99." not in last
    assert "nothing on this page" in empty
    assert "no HTML part" in bare


def _inbox(mails: list[Mail]) -> httpx.AsyncClient:
    """A client of the inbox."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(create_inbox_app(Mails(mails))), base_url="http://operators")
