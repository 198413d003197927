"""The page that says why a person got a mail, by the facts of the time at which it was sent."""

from datetime import UTC, datetime, timedelta
from html import unescape

import pytest

from mailer.actions.consent import withdraw_consent
from mailer.policy.standing import Standing
from mailer.rendering.link_tokens import MailReportToken
from tests.factories import BRAND, World, policies
from tests.integration.test_consents import LINKS, give, said
from tests.integration.web_world import browse

ASKED = "It was asked for."
NOT_LEFT = "who have not unsubscribed"


async def sent(world: World, topic: str | None = None) -> str:
    """A newsletter that was handed over to the one person, and the path of its page."""
    accepted = await world.accept({"refs": ["user-1"]}, topic=topic)
    await world.handover().hand_over_batches(accepted.batches)
    assert (await world.counted(accepted.mailing_id)) == {("handed_over", ""): 1}
    ada = await world.id_of("user-1")
    standing = await world.standings.get_standing(BRAND, ada)
    assert isinstance(standing, Standing)
    return LINKS.link_to_report_mail(
        MailReportToken(BRAND, ada, accepted.mailing_id, standing.generation)
    ).removeprefix("https://mail.example")


async def page(world: World, path: str) -> str:
    """The text of a page."""
    async with browse(world) as reader:
        return unescape((await reader.get(path)).text)


async def test_a_mail_that_was_asked_for_stays_so(world: World) -> None:
    """A withdrawal, or an account's consent from after it, changes nothing of why an earlier mail was sent."""
    [ada] = await world.known(1)
    before = await sent(world)
    await give(world, ada, "newsletter", at=datetime.now(UTC) - timedelta(days=1))
    during = await sent(world)
    await withdraw_consent(world.consents, policies()[BRAND], ada, said("newsletter", given=False, words=None))
    for path, reason in ((before, NOT_LEFT), (during, ASKED)):
        text = await page(world, path)
        assert [why in text for why in (ASKED, NOT_LEFT)] == [why == reason for why in (ASKED, NOT_LEFT)]


@pytest.mark.parametrize(("scope", "asked"), [("newsletter/chess", True), ("newsletter", True), ("promotional", False)])
async def test_a_consent_to_something_else_is_no_reason(world: World, scope: str, asked: bool) -> None:
    """A mail on a topic was asked for only by people who consented to the topic or its category."""
    [ada] = await world.known(1)
    await give(world, ada, scope)
    assert (ASKED in await page(world, await sent(world, "chess"))) is asked
