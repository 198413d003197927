"""Tests of mail without which an account cannot be used: it arrives. Announcements can be left by non-payers."""

import re
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from html import unescape
from typing import Any
from uuid import UUID

import pytest

from mailer.actions.suppression import object_to_marketing, suppress_recipient
from mailer.policy.policy_key_types import FrequencyCap
from mailer.policy.policy_sections import CategoryTerms, SendingHours
from mailer.policy.required_frequency_counts import frequency_counts_needed_by_policies
from mailer.ports.deliveries import Claim
from mailer.ports.suppressions import NewSuppression
from mailer.postgres.deliveries import PostgresDeliveries
from mailer.web.languages import LANGUAGES
from tests.factories import World, received
from tests.integration.web_world import browse
from tests.letters import ADA, event_of, known, leads_out, parts, stands, told
from tests.promises.test_consents import one_click, tell, why_not

BRAND = "interpals"
OWN = ("welcome", "password", "receipt")
"""The categories of account mail: verification, password, receipt."""


async def leaves(world: World) -> None:
    """Opts Ada out of all, of updates, and of the purpose."""
    for scope in ("*", "updates", "purpose/service_notice"):
        await world.standings.record_opt_out(BRAND, await world.id_of("ada"), scope, "test")


async def objects(world: World) -> None:
    """Has Ada object to marketing."""
    await object_to_marketing(world.suppressions, world.policies[BRAND], await world.id_of("ada"), "a letter", "Grace")


async def complains(world: World) -> None:
    """Has Ada complain to her provider."""
    told = NewSuppression("*", "complaint", "feedback loop", "Grace")
    await suppress_recipient(world.suppressions, world.policies[BRAND], await world.id_of("ada"), told)


async def has_had_enough(world: World) -> None:
    """Lets Ada get as much as the caps allow, outside the policy's hours."""
    one, hours = FrequencyCap(mails=1, days=7), SendingHours.model_validate({"from": "00:00", "to": "00:01"})
    policy = world.policies[BRAND]
    terms = policy.terms | {name: CategoryTerms(cap=one) for name in ("updates", "notification")}
    policy = policy.model_copy(update={"terms": terms, "cap": one, "hours": hours}).with_earlier_versions({})
    world.policies[BRAND] = policy
    world.deliveries = PostgresDeliveries(world.pool, world.writers, frequency_counts_needed_by_policies([policy]))


async def was_only_invited(world: World) -> None:
    """Makes Ada an invitee of a country and a policy that nobody knows."""
    await stands(world, "source = 'invitation', collected_under = 'lost', country = NULL, version = version + 1", BRAND)


async def closes(world: World) -> None:
    """Closes Ada's account, which is restricted, and has her ask to be called."""
    restricts = "deactivated_at = now(), restricted_at = now(), electronic_refused_at = now(), channel = 'sms'"
    await stands(world, f"{restricts}, version = version + 1", BRAND)


async def registers_again(world: World) -> None:
    """Erases Ada, who then opens another account."""
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


GRACE = ADA | {"ref": "grace", "email": "grace@people.example"}


def link_of(mail: EmailMessage) -> str:
    """The path of a mail's unsubscribe link."""
    return str(re.findall(r"https://mail\.example(/u/[^>]+)>", mail["List-Unsubscribe"])[0])


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


@pytest.mark.promise("interpals-08")
async def test_who_pays_for_a_product_cannot_leave_what_is_about_it(world: World) -> None:
    """A payer gets announcements about her product, even if she left. Any other announcement has its own way out."""
    await known(world, BRAND, ADA)
    paid = {"v": 1, "id": "p1", "brand": BRAND, "account": "paid", "ref": "ada", "product": "premium"}
    await world.intake().accept_event_messages("service", [received(paid, f"{BRAND}.account")])
    about = {product: event_of(BRAND, "maintenance", product=product) for product in ("premium", "stamps", None)}
    assert [leads_out((await told(world, event))[0])[0] for event in about.values()] == ["", "updates", ""]
    await leaves(world)
    arrived = [len(await told(world, event | {"id": f"again {name}"})) for name, event in about.items()]
    assert arrived == [1, 0, 1]
    await world.intake().accept_event_messages(
        "service", [received(paid | {"account": "unpaid", "id": "p2"}, f"{BRAND}.account")]
    )
    arrived = [len(await told(world, event | {"id": f"at last {name}"})) for name, event in about.items()]
    assert arrived == [0, 0, 0]


@pytest.mark.promise("interpals-08")
async def test_who_paid_for_everything_and_ends_one_product_pays_for_the_rest(world: World) -> None:
    """Mail about other products still arrives, even if she left. She can leave mail about the ended one."""
    await known(world, BRAND, ADA)
    await leaves(world)
    said: dict[str, Any] = {"v": 1, "brand": BRAND, "ref": "ada"}
    for number, pays in enumerate(({"account": "paid"}, {"account": "unpaid", "product": "voice"})):
        await world.intake().accept_event_messages(
            "service", [received(said | pays | {"id": f"p{number}"}, f"{BRAND}.account")]
        )
    about = [event_of(BRAND, "maintenance", product=product) for product in ("premium", "stamps", None, "voice")]
    assert [len(await told(world, event)) for event in about] == [1, 1, 1, 0]
    await world.intake().accept_event_messages(
        "service", [received(said | {"id": "p9", "account": "paid"}, f"{BRAND}.account")]
    )
    assert len(await told(world, event_of(BRAND, "maintenance", product="voice"))) == 1


@pytest.mark.promise("interpals-08")
async def test_who_stops_paying_is_decided_anew(world: World) -> None:
    """A mail that a worker holds as mandatory does not go out as such once its reader pays no longer."""
    [ada] = await world.paying(1)
    accepted = await world.accept({"refs": ["user-1"]}, "service")

    class StopsPaying(PostgresDeliveries):
        """Deliveries of somebody who stops paying, and leaves, once a worker has claimed them."""

        async def claim_queued_deliveries_of_batches(
            self, batches: Sequence[int], owner: str, mailings: Collection[UUID] = ()
        ) -> Claim | None:
            claimed = await super().claim_queued_deliveries_of_batches(batches, owner, mailings)
            await world.standings.store_whether_product_is_paid(BRAND, ada, None, False, "application")
            await world.standings.record_opt_out(BRAND, ada, "updates", "page")
            return claimed

    late = StopsPaying(world.pool, world.writers, frequency_counts_needed_by_policies(world.policies.values()))
    await world.handover(deliveries=late).hand_over_batches(accepted.batches)
    assert world.processor.recipients == []
    assert await world.states(accepted.mailing_id) == {"user-1": ("suppressed", "opted_out")}


@pytest.mark.promise("interpals-08", "interpals-26")
async def test_the_page_says_what_still_comes_and_why(world: World) -> None:
    """A free account can leave announcements. A paying account cannot, and the page says why."""
    await known(world, BRAND, ADA, GRACE)
    await world.standings.store_whether_product_is_paid(
        BRAND, await world.id_of("grace"), "premium", True, "application"
    )
    free, pays = [link_of(mail) for mail in await told(world, event_of(BRAND, "weekly", to={"refs": ["ada", "grace"]}))]
    for language, spoken in LANGUAGES.items():
        text = spoken.texts
        async with browse(world) as reader:
            for url, is_paying in ((free, False), (pays, True)):
                for page in (
                    await reader.get(f"{url}?lang={language}"),
                    await reader.post(f"{url}?lang={language}", data={"scope": "all"}),
                ):
                    shown = unescape(page.text)
                    assert text["mandatory"] in shown
                    assert (text["announced_title"] in shown) is is_paying
                    assert (re.split("[.。]", text["announced_paid"])[1] in shown) is is_paying
                    assert text["kinds"]["updates"][0] in shown, "it is among what is left"
