"""The pages in the reader's language and the brand's look: their choice, and the facts that they hide."""

import base64
import hashlib
import re
from dataclasses import replace
from datetime import date
from typing import Any

import httpx
import pytest

from mailer.ports.database_errors import DatabaseUnavailable
from mailer.rendering.link_tokens import ConfirmToken
from mailer.web.brand_look import parse_brand_look
from mailer.web.languages import LANGUAGES, LanguagePreferences, choose_preferred_language
from tests.integration.web_world import MAILING, World

OWN = ("interpals", 17)


def language_of(page: httpx.Response) -> str:
    """The language that a page says that it is in."""
    [code] = re.findall(r'<html lang="([^"]+)" dir="', page.text)
    return str(code)


def world_of(**values: Any) -> World:
    """A world in which the person has these values."""
    world = World()
    world.standings.rows[OWN] = replace(world.standings.rows[OWN], **values)
    return world


@pytest.mark.parametrize(
    ("query", "locale", "accepted", "brand", "code"),
    [
        ("?lang=ja", "fr-CA", "de", "es", "ja"),
        ("?lang=JA_jp", "fr-CA", "de", "es", "ja"),
        ("?lang=xx", "fr-CA", "de", "es", "fr"),
        ("?lang=", "fr-CA", "de", "es", "fr"),
        ("?lang=%3Cscript%3E", "fr-CA", "de", "es", "fr"),
        ("?lang=de&lang=ar", "fr-CA", "de", "es", "ar"),
        ("", "fr-CA", "de", "es", "fr"),
        ("", "sw", "de", "es", "de"),
        ("", None, "de-AT, fr;q=0.9", "es", "de"),
        ("", None, "sw, tlh;q=0.5", "es-MX", "es"),
        ("", None, "", "sw", "en"),
    ],
)
async def test_who_decides_on_the_language(
    query: str, locale: str | None, accepted: str, brand: str, code: str
) -> None:
    """The switch, then the person's own locale, then the browser, then the brand, then English."""
    world = world_of(locale=locale)
    world.policies["interpals"] = world.policies["interpals"].model_copy(update={"default_locale": brand})
    async with world.client() as client:
        page = await client.get(world.unsubscribe() + query, headers={"accept-language": accepted})
        pressed = await client.post(
            world.unsubscribe() + query, data={"scope": "all"}, headers={"accept-language": accepted}
        )
    assert page.status_code == 200
    assert (language_of(page), language_of(pressed)) == (code, code), "the choice survives the page's forms"
    assert f'lang="{code}" hreflang="{code}"' in page.text
    assert LANGUAGES[code].texts["leave"] in page.text


@pytest.mark.parametrize("generation", [2, None])
async def test_an_old_link_tells_no_language(generation: int | None) -> None:
    """An old link does not show the person's language, since the next owner of the address may read it."""
    world = world_of(locale="ar")
    async with world.client() as client:
        old = await client.get(world.unsubscribe(generation=generation), headers={"accept-language": "de"})
        nobody = await client.get(world.unsubscribe(recipient_id=99), headers={"accept-language": "de"})
    assert language_of(old) == language_of(nobody) == "de"
    assert old.text == nobody.text, "nor whether there is such a person"


async def test_the_switch_changes_nothing_and_has_no_token() -> None:
    """The links have only a query. Following one records nothing."""
    world = world_of(locale="en")
    token = world.unsubscribe().removeprefix("/u/")
    async with world.client() as client:
        pages = [await client.get(f"{world.unsubscribe()}?lang={code}") for code in LANGUAGES]
        pages.append(await client.post(f"{world.unsubscribe()}?lang=de", data={"scope": "all"}))
        again = await client.get(world.unsubscribe())
    for page in pages:
        assert re.findall(r'<a href="(\?[^"]*)" lang="', page.text) == [f"?lang={code}" for code in LANGUAGES]
        assert token not in page.text
        assert not page.headers.get("set-cookie")
        assert "<form method=" not in page.text or re.search('<form method="post"(?! action)', page.text)
        for code, language in LANGUAGES.items():
            assert f'hreflang="{code}" dir="{language.dir}"' in page.text
            assert f">{language.texts['name']}</a>" in page.text
    assert [change[2] for change in world.standings.changes] == ["*"], "only the press"
    assert language_of(again) == "en"


async def test_no_log_line_has_a_token_or_a_choice(capsys: pytest.CaptureFixture[str]) -> None:
    """The log names the route; a query could name a person's language."""
    world = World()
    async with world.client() as client:
        await client.get(f"{world.unsubscribe()}?lang=ja")
        world.standings.broken = True
        await client.post(f"{world.unsubscribe()}?lang=ja", data={"scope": "all"})
    logged = "".join(capsys.readouterr())
    assert "GET /u/{token}" in logged
    assert world.unsubscribe().removeprefix("/u/")[:20] not in logged
    assert "lang=" not in logged


@pytest.mark.parametrize(
    ("accepted", "day"),
    [("en-GB", "1 November 2026"), ("en-US", "November 1, 2026"), ("en", "November 1, 2026"), ("fr-CA", "1 novembre")],
)
def test_dates_are_written_by_the_readers_region(accepted: str, day: str) -> None:
    """The region of the chosen language counts, also where the language was chosen without one."""
    chosen = accepted.partition("-")[0]
    for language in (
        choose_preferred_language(LanguagePreferences(accepted=accepted)),
        choose_preferred_language(LanguagePreferences(chosen=chosen, own=accepted, accepted="ja")),
    ):
        assert language.format_day(date(2026, 11, 1)).startswith(day)


async def test_every_page_has_the_brands_look() -> None:
    """Logo, colours, privacy policy and contact; the stylesheet is the one that the page's policy names."""
    world = World()
    stale = world.links.confirmation_link(ConfirmToken("interpals", 17, MAILING, 9)).removeprefix(world.public_url)
    async with world.client() as client:
        pages = [
            await client.get(world.unsubscribe()),
            await client.post(world.unsubscribe()),
            await client.get(world.unsubscribe(category="service", generation=9)),
        ]
        world.standings.rows[OWN] = replace(world.standings.rows[OWN], erased=True)
        pages.append(await client.get(stale))
        bad = await client.get("/u/bad")
    assert [page.status_code for page in pages] == [200, 200, 410, 410]
    for page in pages:
        assert '<img src="data:image/svg+xml;base64,' in page.text
        assert 'href="https://www.interpals.example/privacy"' in page.text
        assert 'href="mailto:privacy@interpals.example"' in page.text
        assert "InterPals Inc." in page.text
        assert "--accent: #0b6e63" in page.text
    for page in (*pages, bad):
        [styles] = re.findall("<style>(.*?)</style>", page.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(styles.encode()).digest()).decode()
        assert f"style-src 'sha256-{digest}';" in page.headers["content-security-policy"]
        assert not re.search("unsafe|https:|http:|script-src", page.headers["content-security-policy"])
        assert not re.search(r'<script|<link (?!rel="icon" href="data:,")|\sstyle=', page.text)
    assert "InterPals" not in bad.text, "a link that is not ours names no brand"


async def test_a_failing_page_still_has_the_look_and_the_language(monkeypatch: pytest.MonkeyPatch) -> None:
    """The database is away; the link says whose page it is, and the reader which language."""
    world = World()

    async def away(*_: Any) -> Any:
        raise DatabaseUnavailable("gone")

    monkeypatch.setattr(world.standings, "get_standing", away)
    async with world.client() as client:
        page = await client.get(f"{world.unsubscribe()}?lang=fr")
    assert (page.status_code, language_of(page)) == (503, "fr")
    assert LANGUAGES["fr"].texts["failed"] in page.text
    assert "--accent: #0b6e63" in page.text


async def test_a_brands_own_words_are_text_and_nothing_else() -> None:
    """A brand's words replace the page's words in their language only. They cannot bring markup."""
    world = World()
    own = '[texts.en]\nleave = "<b>Stop</b> & go"\nask_title = "No more of {brand}?"\n'
    own += '[texts.en.kinds]\nnewsletter = ["Gazette", "By {brand}."]\n'
    look = parse_brand_look(own, "look.toml", lambda name: b"")
    world.app.state.site.looks["interpals"] = look
    async with world.client() as client:
        english = await client.get(world.unsubscribe())
        german = await client.get(f"{world.unsubscribe()}?lang=de")
        other = await client.get(world.unsubscribe(brand="peerstream"))
    for words in ("&lt;b&gt;Stop&lt;/b&gt; &amp; go", "No more of InterPals?", "Gazette", "By InterPals."):
        assert words in english.text
        assert words not in german.text + other.text
