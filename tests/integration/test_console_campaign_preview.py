"""The preview of drafts: the engine's own message, in a frame in which nothing runs; for real people only on record."""

import re

from mailer.policy.campaign_draft import CampaignDraft
from mailer.policy.staff_rights import StaffRole
from tests.factories import BRAND, World
from tests.integration.console_browser import open_browser
from tests.integration.test_campaign_store import DRAFT
from tests.integration.test_console_campaigns import LIST, new_campaign

BODY = {
    "subject": "Hello {{ first_name or 'there' }}",
    "blocks": [{"type": "text", "markdown": "Dear {{ name or 'friend' }}"}],
}


def words_of(html: str) -> str:
    """The text of a page, without the signs that isolate directions."""
    return re.sub("<[^>]+>|[\u2066-\u2069]", "", html)


async def test_preview_is_the_engines_message(world: World) -> None:
    """Each view shows the compiled template with the brand's layout; fields have a value, or what stands for it."""
    campaign = await new_campaign(
        world, draft=CampaignDraft.model_validate({**DRAFT.model_dump(), "variants": {"a": {"en": BODY, "de": BODY}}})
    )
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.MARKETER, brand=BRAND)
        path = f"{LIST}/{campaign.id}/preview"
        page = (await browser.open(path)).text
        assert "Hello Ada" in page
        assert re.search(r'<iframe class="preview desktop" sandbox="" src="[^"]+/preview-body\?', page)
        html = await browser.open(f"{path}-body?locale=en")
        assert "Dear Ada Lovelace" in words_of(html.text)
        policy = html.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'self'" in policy
        assert policy.endswith("sandbox")
        assert "Dear friend" in words_of((await browser.open(f"{path}-body?locale=en&view=text&lacks=yes")).text)
        source = (await browser.open(f"{path}-body?locale=en&view=source")).text
        assert "List-Unsubscribe" in source
        dark = (await browser.open(f"{path}-body?locale=en&view=dark")).text
        assert "@media all" in dark
        assert "prefers-color-scheme" not in dark
        for wrong in ("?variant=b", "?locale=fr", "?view=nonsense", "?person=-1", "?variant=z", "?locale=%3Cscript%3E"):
            assert (await browser.open(f"{path}{wrong}")).status_code == 404
            assert (await browser.open(f"{path}-body{wrong}")).status_code == 404


async def test_preview_for_a_real_person_is_a_recorded_look_up(world: World) -> None:
    """Nobody is shown without a look-up of one's own and a reason; the links stand for nobody."""
    [known] = await world.known(1)
    await world.pool.execute("UPDATE recipients SET name = 'Grace Hopper', locale = 'de' WHERE id = $1", known)
    await world.pool.execute(
        "INSERT INTO recipient_attributes VALUES ($1, $2, $3)", known, BRAND, {"first_name": "Grace", "secret": "x"}
    )
    campaign = await new_campaign(
        world, draft=CampaignDraft.model_validate({**DRAFT.model_dump(), "variants": {"a": {"en": BODY, "de": BODY}}})
    )
    async with open_browser(world) as browser:
        member = await browser.enter(role=StaffRole.MARKETER, brand=BRAND)
        path = f"{LIST}/{campaign.id}/preview"
        assert (await browser.open(f"{path}?person={known}")).status_code == 404
        assert (await browser.open(f"{path}-body?person={known}")).status_code == 404
        choice = {"variant": "a", "locale": "en"}
        for fields in ({"ref": "user-1"}, {"ref": "user-1", "reason": " "}, {"ref": "nobody", "reason": "preview"}):
            assert (await browser.send(path, {**choice, **fields}, path)).status_code == 422
        answer = await browser.send(path, {**choice, "ref": "user-1", "reason": "preview"}, path)
        assert answer.status_code == 303
        page = (await browser.open(answer.headers["location"])).text
        assert "Hello Grace" in page
        html = (await browser.open(f"{path}-body?person={known}")).text
        assert "Grace Hopper" in html
        [token] = set(re.findall(r"/u/([\w.-]+)", html)) or {""}
        read = world.links.read_unsubscribe_token(token)
        assert read is not None
        assert read.recipient_id == 0
    entries = await world.pool.fetch(
        "SELECT actor, recipient_id FROM ledger WHERE kind = 'access' AND recipient_id = $1", known
    )
    assert [entry["actor"] for entry in entries] == [str(member.identity)]


async def test_unfinished_draft_says_what_is_missing(world: World) -> None:
    """A draft that cannot be rendered is answered with its faults, as text."""
    text = {"subject": "Hi {{ <script>alert(1)</script> }}", "blocks": [{"type": "divider"}]}
    draft = CampaignDraft.model_validate({**DRAFT.model_dump(), "variants": {"a": {"de": text}}})
    campaign = await new_campaign(world, draft=draft)
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.MARKETER, brand=BRAND)
        for path in ("preview", "preview-body"):
            answer = await browser.open(f"{LIST}/{campaign.id}/{path}")
            assert answer.status_code == (200 if path == "preview" else 422)
            assert "It cannot be shown yet" in answer.text
            assert "<script>alert" not in answer.text
