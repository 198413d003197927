"""The web copy of a mail: the mail that was sent, in a frame where nothing runs, loads or counts."""

import re
from html import unescape
from unittest.mock import Mock, patch
from uuid import UUID

import httpx

from mailer.actions.privacy_rights import erase_recipient
from mailer.rendering import renderer_cache
from mailer.rendering.link_tokens import WebCopyToken
from mailer.rendering.template_library import compile_stored_source
from mailer.web.languages import LANGUAGES
from tests.factories import BRAND, World, person
from tests.hours import opens_of
from tests.integration.test_consents import LINKS
from tests.integration.web_world import browse
from tests.letters import parts, read

SCRIPT = "<script>alert(1)</script>"
STALE, GONE = "This link is no longer valid", "There is nothing here any more"


async def sent(world: World, category: str = "newsletter", **values: object) -> tuple[int, UUID]:
    """A mail that was handed over to one person: the ids of person and mailing."""
    to = [person(1, name=f"Ada {SCRIPT[:8]}", locale="en", **values)]
    accepted = await world.accept(to, category)
    await world.handover().hand_over_batches(accepted.batches)
    return await world.id_of("user-1"), accepted.mailing_id


def path_of(recipient_id: int, mailing_id: UUID, generation: int = 1) -> str:
    """The path of a web copy."""
    link = LINKS.web_copy_link(WebCopyToken(BRAND, recipient_id, mailing_id, generation))
    return link.removeprefix("https://mail.example")


async def frame_of(client: httpx.AsyncClient, path: str) -> httpx.Response:
    """The mail in the frame of a page."""
    page = await client.get(path)
    assert page.status_code == 200, page.text
    source = re.findall(r'<iframe class="mail" src="([^"]+)"', page.text)[0]
    return await client.get(httpx.URL(str(page.url)).join(source).path)


async def test_the_frame_has_the_mail_as_it_was_sent(world: World) -> None:
    """The HTML part of the captured mail stands in the frame, but for the pixel; the page has its subject and day."""
    ada, mailing = await sent(world)
    [mail] = [read(outgoing) for outgoing in world.processor.sent]
    async with browse(world) as client:
        page = unescape((await client.get(path_of(ada, mailing))).text)
        frame = (await frame_of(client, path_of(ada, mailing))).text
    assert f'dir="auto">{mail["Subject"]}</h1>' in page
    part = mail.get_body(("html",))
    assert part is not None
    as_sent = re.sub(r"<img[^>]*/o/[^>]*>", "", part.get_content().replace("\r\n", "\n")).strip()
    shown = frame.replace('<base target="_blank">', "").strip()
    assert [line.strip() for line in shown.splitlines() if line.strip()] == [
        line.strip() for line in as_sent.splitlines() if line.strip()
    ]
    assert "/o/" not in frame
    assert "/c/" not in frame


async def test_nothing_in_the_frame_runs_or_loads(world: World) -> None:
    """Policy and sandbox of the frame forbid script, forms and loading; only our own page may show it."""
    ada, mailing = await sent(world)
    async with browse(world) as client:
        page = await client.get(path_of(ada, mailing))
        frame = await frame_of(client, path_of(ada, mailing))
    policy = dict(part.strip().split(" ", 1) for part in frame.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["img-src"] == "'self' data:"
    assert policy["form-action"] == policy["base-uri"] == "'none'"
    assert policy["frame-ancestors"] == "'self'"
    assert policy["sandbox"] == "allow-popups allow-popups-to-escape-sandbox"
    assert frame.headers["referrer-policy"] == "no-referrer"
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page.text
    assert "frame-src 'self'" in page.headers["content-security-policy"]
    assert page.headers["x-frame-options"] == "DENY"
    assert frame.headers["cache-control"] == page.headers["cache-control"] == "no-store"
    assert SCRIPT not in frame.text + page.text
    assert "<script" not in frame.text + page.text


async def test_looking_changes_and_counts_nothing(world: World) -> None:
    """GET and HEAD leave no entry, no open and no change of the person behind; POST is refused."""
    ada, mailing = await sent(world)
    before = len(await world.entries())
    async with browse(world) as client:
        for path in (path_of(ada, mailing), f"{path_of(ada, mailing)}/mail"):
            assert (await client.get(path)).status_code == (await client.head(path)).status_code == 200
            assert (await client.post(path)).status_code == 405
    assert len(await world.entries()) == before
    assert opens_of(world)._hours == {}


async def test_the_page_around_it_speaks_the_readers_language(world: World) -> None:
    """The page is in the chosen language; the mail in the frame stays in its own."""
    ada, mailing = await sent(world)
    async with browse(world) as client:
        for code, language in LANGUAGES.items():
            page = await client.get(f"{path_of(ada, mailing)}?lang={code}")
            assert f'<html lang="{code}" dir="{language.dir}"' in page.text
            assert language.texts["view_frame"] in unescape(page.text)
        assert 'lang="en"' in (await frame_of(client, path_of(ada, mailing))).text


async def test_a_template_can_lead_to_it(world: World) -> None:
    """`view_url` in a template, also in a version that is not deployed any more, leads to the copy of that mail."""
    accepted = await world.accept([person(1, name="Ada")])
    await world.pool.execute(
        "INSERT INTO template_versions SELECT 'mine', replace(source, '{{ report_url }}', '{{ view_url }}')"
        " FROM template_versions v JOIN mailings m ON m.template_version = v.version WHERE m.id = $1",
        accepted.mailing_id,
    )
    await world.pool.execute("UPDATE mailings SET template_version = 'mine' WHERE id = $1", accepted.mailing_id)
    await world.handover().hand_over_batches(accepted.batches)
    [mail] = [read(outgoing) for outgoing in world.processor.sent]
    links = {link for part in parts(mail) for link in re.findall(r"https://mail\.example(/view/[\w.-]+)", part)}
    assert links == {path_of(await world.id_of("user-1"), accepted.mailing_id)}
    async with browse(world) as client:
        assert links.pop() in (await frame_of(client, path_of(await world.id_of("user-1"), accepted.mailing_id))).text


async def test_who_is_gone_or_moved_sees_nothing(world: World) -> None:
    """A cut link, an older address, an erased person, a mailing of another brand or without records: words, no mail."""
    ada, mailing = await sent(world)
    async with browse(world) as client:

        async def answer(path: str) -> tuple[int, str]:
            page = await client.get(path)
            assert "<iframe" not in page.text
            assert (await client.get(f"{path}/mail")).status_code == page.status_code
            return page.status_code, unescape(page.text)

        status, text = await answer(path_of(ada, mailing)[:-4])
        assert (status, "This link does not work" in text) == (400, True)
        status, text = await answer(path_of(ada, mailing, generation=2))
        assert (status, STALE in text) == (410, True)
        status, text = await answer(path_of(10**9, mailing))
        assert (status, GONE in text) == (410, True)
        status, text = await answer(path_of(ada, UUID(int=5)))
        assert (status, GONE in text) == (410, True)
        other = LINKS.web_copy_link(WebCopyToken("peerstream", ada, mailing, 1)).removeprefix("https://mail.example")
        assert (await answer(other))[0] == 410
        await erase_recipient(world.rights, world.policies[BRAND], ada, "test")
        status, text = await answer(path_of(ada, mailing))
        assert (status, GONE in text) == (410, True)


async def test_a_mail_that_was_not_sent_is_not_shown(world: World) -> None:
    """Somebody who had left got nothing: the page says so and shows no text."""
    [ada] = await world.known(1)
    await world.standings.record_opt_out(BRAND, ada, "newsletter", "page")
    _, mailing = await sent(world)
    async with browse(world) as client:
        page = await client.get(path_of(ada, mailing))
    assert (page.status_code, "This mail was not sent" in page.text) == (410, True)


async def test_an_old_version_is_compiled_once(world: World) -> None:
    """Whoever opens one link again and again does not keep the site busy."""
    ada, mailing = await sent(world)
    await world.pool.execute(
        "INSERT INTO template_versions SELECT 'old', source || ' '"
        " FROM template_versions v JOIN mailings m ON m.template_version = v.version WHERE m.id = $1",
        mailing,
    )
    await world.pool.execute("UPDATE mailings SET template_version = 'old' WHERE id = $1", mailing)
    compiled = Mock(side_effect=compile_stored_source)
    async with browse(world) as client:
        with patch.object(renderer_cache, "compile_stored_source", compiled):
            for _ in range(3):
                assert (await frame_of(client, path_of(ada, mailing))).status_code == 200
    assert compiled.call_count == 1


async def test_what_cannot_be_rendered_any_more_says_so(world: World) -> None:
    """A template's version that is not stored, or no longer compiles, or a value that is gone, is said in words."""
    ada, mailing = await sent(world)
    async with browse(world) as client:
        await world.pool.execute("UPDATE mailings SET context = '{}' WHERE id = $1", mailing)
        page = await client.get(path_of(ada, mailing))
        assert (page.status_code, "cannot be shown as it was sent" in page.text) == (410, True)
        await world.pool.execute(
            "INSERT INTO template_versions SELECT 'old', replace(source, '{{', '{{ no_such_word | no_such_filter }}{{')"
            " FROM template_versions v JOIN mailings m ON m.template_version = v.version WHERE m.id = $1",
            mailing,
        )
        await world.pool.execute("UPDATE mailings SET template_version = 'old' WHERE id = $1", mailing)
        for path in (path_of(ada, mailing), f"{path_of(ada, mailing)}/mail"):
            page = await client.get(path)
            assert (page.status_code, "cannot be shown as it was sent" in page.text) == (410, True)
        await world.pool.execute("UPDATE mailings SET template_version = 'gone' WHERE id = $1", mailing)
        page = await client.get(path_of(ada, mailing))
        assert (page.status_code, "cannot be shown as it was sent" in page.text) == (410, True)
