"""Pictures of campaigns: uploaded at the console and by the API, served to everybody, deleted if nothing shows them."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import httpx
import pytest
from httpx import ASGITransport, AsyncClient
from prometheus_client import generate_latest

from mailer.actions import picture_uploads
from mailer.actions.picture_uploads import PictureUpload, PictureUploadRefused, store_uploaded_picture
from mailer.policy.staff_rights import StaffRole
from mailer.ports.pictures import PictureInUse, PictureStore, ServedPicture
from mailer.postgres.pictures import PostgresPictures
from mailer.web.app import create_app
from mailer.web.kept_pictures import KeptPictures
from tests.factories import BRAND, World
from tests.integration.console_browser import open_browser
from tests.integration.web_world import browse, site_over
from tests.made_pictures import SVG, opened, photo_on_its_side, picture, png_that_says_its_size
from tests.publishers import issue_key

PATH, TO = f"/api/v1/pictures/{BRAND}", f"/console/pictures/to/{BRAND}"


def store_of(world: World) -> PostgresPictures:
    """The store over the world's database."""
    return PostgresPictures(world.pool, world.writers)


async def uploaded(world: World, content: bytes = b"", name: str = "room.png") -> str:
    """The id of a picture that was uploaded."""
    upload = PictureUpload(BRAND, name, content or picture(), "key:shop")
    return (await store_uploaded_picture(store_of(world), upload)).id


async def show_in_campaign(world: World, picture_id: str, *, released: bool) -> None:
    """Makes a campaign that shows a picture: in its draft, or in what was released of it."""
    shown, campaign_id = json.dumps({"blocks": [{"type": "picture", "picture": picture_id}]}), uuid4()
    await world.pool.execute(
        "INSERT INTO campaigns (id, brand, name, draft, created_by, updated_by)"
        " VALUES ($1, $2, 'Spring', $3, 'a', 'a')",
        campaign_id,
        BRAND,
        {} if released else json.loads(shown),
    )
    if released:
        await world.pool.execute(
            "INSERT INTO manifests"
            " (id, campaign_id, brand, revision, state, draft, templates, policy_version, requested_by)"
            " VALUES ($1, $2, $3, 1, 'released', $4, '{}', '1', 'a')",
            uuid4(),
            campaign_id,
            BRAND,
            json.loads(shown),
        )


async def test_a_picture_is_served_to_everybody_for_ever(world: World) -> None:
    """It has its exact type, may be kept for ever, and is asked for by ETag; nobody is counted or given a cookie."""
    id_ = await uploaded(world, photo_on_its_side())
    site = site_over(world)
    async with AsyncClient(transport=ASGITransport(create_app(site)), base_url=site.public_url) as client:
        got = await client.get(f"/m/{id_}", headers={"cookie": "a=b", "referer": "https://mail.example"})
        head = await client.head(f"/m/{id_}")
        for asked in (f'"{id_}"', f'W/"{id_}"', f'"x", "{id_}"', "*"):
            same = await client.get(f"/m/{id_}", headers={"if-none-match": asked})
            assert (same.status_code, same.content) == (304, b"")
        assert (await client.get(f"/m/{id_}", headers={"if-none-match": '"other"'})).status_code == 200
        for odd in ("0" * 32, id_.upper(), id_[:-1], "%2e%2e", "a" * 5000):
            assert (await client.get(f"/m/{odd}")).status_code == 404
        assert (await client.post(f"/m/{id_}")).status_code == 405
    assert (got.status_code, head.status_code, head.content) == (200, 200, b"")
    assert got.headers.items() >= {
        ("content-type", "image/jpeg"),
        ("cache-control", "public, max-age=31536000, immutable"),
        ("x-content-type-options", "nosniff"),
        ("etag", f'"{id_}"'),
        ("content-length", str(len(got.content))),
    }
    assert "default-src 'none'" in got.headers["content-security-policy"]
    assert "set-cookie" not in got.headers
    assert head.headers["content-length"] == got.headers["content-length"]
    assert opened(got.content).size == (20, 40)
    counted = generate_latest(site.registry).decode()
    assert 'route="/m/{picture_id}",status="200"' not in counted
    assert 'status="304"' not in counted


async def test_pictures_that_were_served_are_kept_up_to_a_size() -> None:
    """The database is asked once for a picture; the oldest ones make room."""

    class Store:
        asked: list[str] = []  # noqa: RUF012 - of one test

        async def find_content(self, id_: str) -> ServedPicture | None:
            self.asked.append(id_)
            return ServedPicture("image/png", b"x" * 40) if id_ != "none" else None

    kept = KeptPictures(cast("PictureStore", Store()), 100)
    for id_ in ("a", "b", "a", "c", "a", "b", "none", "none"):
        found = await kept.find_content(id_)
        assert (found is None) == (id_ == "none")
    assert Store.asked == ["a", "b", "c", "b", "none", "none"]


async def test_the_api_uploads_lists_and_deletes(world: World) -> None:
    """A key uploads the octets of a picture; the same one again is the same; a refused file says why."""
    bearer = f"Bearer {await issue_key(world.pool, 'shop', BRAND)}"
    async with browse(world, authorization=bearer) as client:
        sent = [await client.post(f"{PATH}?file_name=../../a%2Fb.png", content=picture()) for _ in range(2)]
        assert [answer.status_code for answer in sent] == [201, 201]
        made, same = (answer.json() for answer in sent)
        assert made["id"] == same["id"]
        assert made.items() >= {"width": 40, "height": 20, "file_name": "b.png", "created_by": "key:shop"}.items()
        assert made["url"].endswith(f"/m/{made['id']}")
        more = [(await client.post(PATH, content=picture(size=(40, n)))).json()["id"] for n in (1, 2)]
        page = (await client.get(f"{PATH}?limit=2")).json()
        assert [one["id"] for one in page["pictures"]] == more[::-1]
        rest = (await client.get(f"{PATH}?limit=2&before={page['older_than']}")).json()
        assert [one["id"] for one in rest["pictures"]] == [made["id"]]
        assert rest["older_than"] is None
        refused = await client.post(PATH, content=SVG)
        assert refused.status_code == 422
        assert "something else" in refused.json()["problems"][0]
        assert (await client.post(PATH, content=b"x" * (11 * 1024 * 1024))).status_code == 413
        await show_in_campaign(world, more[0], released=False)
        kept = await client.delete(f"{PATH}/{more[0]}")
        assert (kept.status_code, "Spring" in kept.json()["problems"][0]) == (409, True)
        gone = [(await client.delete(f"{PATH}/{more[1]}")).json()["is_new"] for _ in range(2)]
        assert gone == [True, False]
    entries = [entry for entry in await world.entries(kind="control") if entry["reason"].startswith("picture")]
    assert [entry["reason"] for entry in entries] == ["picture added"] * 3 + ["picture deleted"]
    assert {entry["actor"] for entry in entries} == {"key:shop"}


async def test_a_picture_that_a_released_campaign_shows_stays(world: World) -> None:
    """It stays although the draft does not show it any more; the same picture of another brand is another one."""
    id_ = await uploaded(world)
    await show_in_campaign(world, id_, released=True)
    with pytest.raises(PictureInUse, match="Spring"):
        await store_of(world).delete_picture(BRAND, id_)
    other = PictureUpload("peerstream", "room.png", picture(), "key:shop")
    assert (await store_uploaded_picture(store_of(world), other)).id != id_
    assert await store_of(world).find_pictures("peerstream", [id_]) == {}
    assert not await store_of(world).delete_picture("peerstream", id_)


async def test_the_console_uploads_and_deletes(world: World) -> None:
    """A marketer sees, uploads and deletes pictures of the brand; another site's form, and an old one, do nothing."""
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.MARKETER)
        assert "Choose a brand" in (await browser.open("/console/pictures")).text
        token = await browser.token(TO)
        file = {"file": ("<b>room.png", picture(), "text/html")}

        async def send(token: str, files: Any, headers: Mapping[str, str]) -> httpx.Response:
            return await browser.client.post(TO, data={"form_token": token}, files=files, headers=headers)

        own = {"sec-fetch-site": "same-origin"}
        assert (await send(token, file, {"sec-fetch-site": "cross-site"})).status_code == 403
        assert (await send("0" * 64, file, own)).status_code == 403
        assert await world.pool.fetchval("SELECT count(*) FROM pictures") == 0
        assert (await send(token, file, own)).status_code == 303
        page = await browser.open(TO)
        id_ = await world.pool.fetchval("SELECT id FROM pictures")
        assert f"/m/{id_}" in page.text
        assert "&lt;b&gt;room.png" in page.text
        bad = await send(token, {"file": ("x.png", SVG, "image/png")}, own)
        assert (bad.status_code, "something else" in bad.text) == (422, True)
        nothing = await send(token, {"other": ("x.png", b"", "image/png")}, own)
        assert (nothing.status_code, "has no file" in nothing.text) == (422, True)
        await show_in_campaign(world, id_, released=False)
        stays = await browser.send(f"{TO}/{id_}/delete", on=TO)
        assert (stays.status_code, "Spring" in stays.text) == (422, True)
        await world.pool.execute("UPDATE campaigns SET draft = '{}'")
        assert (await browser.send(f"{TO}/{id_}/delete", on=TO)).status_code == 303
        assert await world.pool.fetchval("SELECT count(*) FROM pictures") == 0
        assert (await browser.open("/console/pictures/to/nobodys")).status_code == 404


async def test_uploads_are_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty and large files, a program that ends or hangs, and too many pictures are refused with words."""
    with pytest.raises(PictureUploadRefused, match="is empty"):
        await store_uploaded_picture(store_of(world), PictureUpload(BRAND, "x", b"", "a"))
    with pytest.raises(PictureUploadRefused, match="larger than"):
        await uploaded(world, b"x" * (picture_uploads.MAX_UPLOAD_OCTETS + 1))
    bomb = asyncio.gather(*(uploaded(world, png_that_says_its_size(10_000, 5_000)) for _ in range(3)))
    with pytest.raises(PictureUploadRefused, match="50,000,000 pixels"):
        await bomb
    monkeypatch.setattr("mailer.postgres.pictures.MOST_PICTURES", 0)
    with pytest.raises(PictureUploadRefused, match="delete some"):
        await uploaded(world)
    monkeypatch.setattr(picture_uploads, "_PROGRAM", Path("/nonexistent"))
    with pytest.raises(PictureUploadRefused, match="cannot be read"):
        await uploaded(world)
