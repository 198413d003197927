"""Mail without which an account cannot be used arrives; an announcement can be left by who does not pay for it."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest

from mailer.actions.suppression import object_to_marketing, suppress
from mailer.ledger.deliveries import PostgresDeliveries
from mailer.policy.document import CategoryTerms, Hours
from mailer.policy.rates import rates_of
from mailer.policy.section import Cap
from mailer.ports.suppressions import NewSuppression
from tests.factories import World
from tests.letters import ADA, event_of, known, leads_out, parts, stands, told
from tests.promises.test_consents import one_click, tell, why_not

BRAND = "interpals"
OWN = ("welcome", "password", "receipt")
"""Verification, password, receipt."""


async def leaves(world: World) -> None:
    """Opts out of all, of updates, and of the purpose."""
    for scope in ("*", "updates", "purpose/service_notice"):
        await world.standings.opt_out(BRAND, await world.id_of("ada"), scope, "test")


async def objects(world: World) -> None:
    """Objects to marketing."""
    await object_to_marketing(world.suppressions, world.policies[BRAND], await world.id_of("ada"), "a letter", "Grace")


async def complains(world: World) -> None:
    """Complains to her provider."""
    told = NewSuppression("*", "complaint", "feedback loop", "Grace")
    await suppress(world.suppressions, world.policies[BRAND], await world.id_of("ada"), told)


async def has_had_enough(world: World) -> None:
    """Has had as much as the caps allow, outside the policy's hours."""
    one, hours = Cap(mails=1, days=7), Hours.model_validate({"from": "00:00", "to": "00:01"})
    policy = world.policies[BRAND]
    terms = policy.terms | {name: CategoryTerms(cap=one) for name in ("updates", "notification")}
    policy = policy.model_copy(update={"terms": terms, "cap": one, "hours": hours}).after({})
    world.policies[BRAND] = policy
    world.deliveries = PostgresDeliveries(world.pool, world.writers, rates_of([policy]))


async def was_only_invited(world: World) -> None:
    """Is nobody but an invitee of a country and a policy that nobody knows."""
    await stands(world, "source = 'invitation', collected_under = 'lost', country = NULL, version = version + 1", BRAND)


async def closes(world: World) -> None:
    """Closes a restricted account, and wants to be called."""
    restricts = "deactivated_at = now(), restricted_at = now(), electronic_refused_at = now(), channel = 'sms'"
    await stands(world, f"{restricts}, version = version + 1", BRAND)


async def registers_again(world: World) -> None:
    """Is erased, and opens another account."""
    await tell(world, BRAND, "erase")
    await known(world, BRAND, ADA | {"ref": "ada-again", "collected_at": datetime.now(UTC).isoformat()})


CAUSES: tuple[Callable[[World], Awaitable[None]], ...] = (
    leaves,
    objects,
    complains,
    has_had_enough,
    was_only_invited,
    closes,
    registers_again,
)
"""Each comes on top of those before it."""


def reached(mails: list[EmailMessage]) -> list[str]:
    """The addresses of mails without any way to leave them."""
    for mail in mails:
        assert leads_out(mail) == [""] * 3
        assert "service@notice." in mail["From"]
    return [mail["To"].addresses[0].addr_spec for mail in mails]


@pytest.mark.promise("interpals-26", "interpals-20", "interpals-08")
async def test_an_accounts_own_mail_arrives_whatever_was_refused(world: World) -> None:
    """Verification, password and receipt reach a free account after each refusal, restriction and erasure."""
    await known(world, BRAND, ADA)
    assert [leads_out(mail) for mail in await told(world, event_of(BRAND, "maintenance"))] == [["updates"] * 3]
    for cause in CAUSES:
        await cause(world)
        ref = "ada-again" if cause is registers_again else "ada"
        for name in OWN:
            mails = await told(world, event_of(BRAND, name, to={"refs": [ref]}))
            assert reached(mails) == ["ada@people.example"], (cause.__name__, name)
        for name in ("maintenance", "activity", "weekly"):
            assert await told(world, event_of(BRAND, name, to={"refs": [ref]})) == [], (cause.__name__, name)
    assert await why_not(world, "ada-again") == ("objected", "objection")


@pytest.mark.promise("interpals-08", "interpals-09")
async def test_updates_have_a_preference_of_their_own(world: World) -> None:
    """The link of an announcement leaves announcements alone; that of a notification leaves no announcement."""
    await known(world, BRAND, ADA)
    [update] = await told(world, event_of(BRAND, "maintenance"))
    [notification] = await told(world, event_of(BRAND, "activity"))
    assert [leads_out(mail) for mail in (update, notification)] == [["updates"] * 3, ["notification"] * 3]
    assert "Service updates of InterPals" in update["List-Id"]
    assert all("Unsubscribe" in part for part in parts(update))
    assert await one_click(world, update) == 200
    assert await told(world, event_of(BRAND, "maintenance")) == []
    assert await why_not(world) == ("opted_out", "opt-out")
    assert await one_click(world, (await told(world, event_of(BRAND, "activity")))[0]) == 200
    assert await told(world, event_of(BRAND, "activity")) == []
    assert len(await told(world, event_of(BRAND, "weekly"))) == 1
