"""Powers of the holder of each link: of a forwarded mail, of an old mailbox. `docs/links.md` has the table."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from mailer.actions import object_to_marketing, record_opt_out
from mailer.actions.account_flags import set_account_flag
from mailer.actions.privacy_rights import rectify_recipient
from mailer.policy.standing import EVERYTHING_OPTIONAL, TRACKING, Standing
from mailer.ports.pending_requests import RequestedAct
from mailer.ports.privacy_rights import DataCorrection
from mailer.ports.standings import StandingFlag
from mailer.rendering.link_tokens import MailReportToken, PreferencesToken, UndoToken, UnsubscribeToken
from mailer.rendering.signed_links import SERVICE
from tests.factories import BRAND, World, person
from tests.integration.web_world import browse
from tests.letters import LINKS, consents

TABLE = Path(__file__).parents[2] / "docs" / "links.md"
OPTIONAL = ("newsletter", "promotional", "updates", "notification", "invitation", "partner")
ACTS = tuple(act.value for act in RequestedAct)
WANTED = (*OPTIONAL, "newsletter/chat-rooms", "partner/penpal-shop", "purpose/offers", TRACKING, *ACTS)
REFUSED = ("marketing", "personalisation", "tracking", "individual", "electronic")
FIELDS: dict[str, tuple[str, ...]] = {
    "scope": ("category", "all"),
    "undo": ("nonsense",),
    "back": ("yes",),
    "all": ("yes",),
    "stop": (*OPTIONAL, "newsletter/chat-rooms", "*", "breach"),
    "refuse": REFUSED,
    "want": WANTED,
    "wish": WANTED,
    "close": ("account",),
    "pause": ("30", "90", "1", "0"),
    "cap": ("weekly", "monthly", "none"),
    "resume": ("yes",),
    "not_mine": ("yes",),
    "inviter": ("yes",),
}
"""Every field of every page, with all its values, and some that no page has."""
FORMER: dict[str, list[str]] = {
    "on": [*WANTED],
    "was": [*WANTED],
    "refused": [*REFUSED],
    "tracking": ["refused", "anonymous", "individual"],
    "tracked": ["refused", "anonymous", "individual"],
}
"""Fields that pages had before, and that none reads."""
POSTS: list[dict[str, Any]] = [{name: value} for name, values in FIELDS.items() for value in values]
POSTS += [{name: values} for name, values in FORMER.items()]
POSTS += [
    {},
    {"List-Unsubscribe": "One-Click"},
    FORMER | {name: list(values) for name, values in FIELDS.items() if name not in ("undo", "back", "scope", "all")},
]
FLAGS = ("tracking_refused", "personalisation_refused", "objected")
FIXED = ("electronic_refused", "deactivated", "channel", "products", "restricted", "under_13", "erased", "address")

NEVER = datetime.min.replace(tzinfo=UTC)
CAPS = (None, "weekly", "monthly")
"""The own caps, the laxest first."""


@dataclass(frozen=True)
class Holder:
    """Somebody whom a brand knows, and the mail of theirs that somebody else holds."""

    number: int
    id: int
    mailing: UUID

    def links(self, generation: int | None) -> dict[str, str]:
        """The links of each category, as mail to the address of that generation had them."""
        found = {
            f"unsubscribe, {name}": LINKS.unsubscribe_link(
                UnsubscribeToken(BRAND, self.id, name, self.mailing, generation)
            )
            for name in OPTIONAL
        }
        leave = UnsubscribeToken(BRAND, self.id, SERVICE, self.mailing, generation)
        everything = UnsubscribeToken(BRAND, self.id, EVERYTHING_OPTIONAL, self.mailing, generation)
        return found | {
            "unsubscribe from all, rights": LINKS.unsubscribe_link(everything),
            "leave, service": LINKS.unsubscribe_link(leave),
            "preferences, all mail": LINKS.preferences_link(PreferencesToken(BRAND, self.id, generation)),
            "report, all mail": LINKS.link_to_report_mail(MailReportToken(BRAND, self.id, self.mailing, generation)),
        }


async def holders(world: World, count: int) -> list[Holder]:
    """Makes so many people known, each with their own address, at a brand that may count individually."""
    policy = world.policies[BRAND]
    switches = policy.switches.model_copy(update={"tracking": "individual", "service_footer": "leave"})
    world.policies[BRAND] = policy.model_copy(update={"switches": switches})
    mailing = await world.accept([person(number, country="US", source="sign-up") for number in range(count)])
    return [Holder(number, await world.id_of(f"user-{number}"), mailing.mailing_id) for number in range(count)]


async def standing_of(world: World, holder: Holder) -> Standing:
    """The person's present standing."""
    found = await world.standings.get_standing(BRAND, holder.id)
    assert found is not None
    return found


async def refuse_all(world: World, holder: Holder) -> None:
    """Has a person refuse everything."""
    policy = world.policies[BRAND]
    for scope in (*OPTIONAL, EVERYTHING_OPTIONAL):
        await record_opt_out(world.standings, policy, holder.id, scope, "letter")
    await object_to_marketing(world.suppressions, policy, holder.id, "letter", "Dana")
    for flag in (StandingFlag.TRACKING_REFUSED, StandingFlag.PERSONALISATION_REFUSED):
        await set_account_flag(world.standings, BRAND, holder.id, flag, True, "letter")


def is_no_wider(before: Standing, after: Standing) -> bool:
    """Returns True if no more is sent or known than before, and nothing has moved."""
    return (
        after.opted_out >= before.opted_out
        and after.consents <= before.consents
        and all(getattr(after, name) >= getattr(before, name) for name in FLAGS)
        and all(getattr(after, name) == getattr(before, name) for name in FIXED)
        and (after.paused_until or NEVER) >= (before.paused_until or NEVER)
        and CAPS.index(after.own_cap) >= CAPS.index(before.own_cap)
    )


async def move(world: World, holder: Holder) -> None:
    """Gives a person another address. The old mailbox may be somebody else's."""
    correction = DataCorrection(email=f"new-{holder.id}@elsewhere.example")
    await rectify_recipient(world.rights, world.policies[BRAND], holder.id, correction, "letter")


@pytest.mark.parametrize("case", ["the address on record", "an earlier address", "a link of before"])
async def test_no_link_widens_or_moves_anything(world: World, case: str) -> None:
    """A post to any link only reduces mail, for a person who refused everything and for one who said nothing."""
    refusing, silent = await holders(world, 2)
    await refuse_all(world, refusing)
    async with browse(world) as client:
        for holder in (refusing, silent):
            if case == "an earlier address":
                await move(world, holder)
            before = await standing_of(world, holder)
            for name, link in holder.links(None if case == "a link of before" else 1).items():
                for form in POSTS:
                    answer = await client.post(link, data=form)
                    assert answer.status_code in (200, 410), (name, form)
                    after = await standing_of(world, holder)
                    assert is_no_wider(before, after), (name, form)
                    before = after
    assert await world.pool.fetchval("SELECT count(*) FROM consents WHERE counts AND given") == 0
    mails = await world.pool.fetchval("SELECT count(*) FROM outbox")
    assert mails == (2 if case == "the address on record" else 0), "one confirmation mail a person, over all scopes"


async def test_no_page_tells_how_somebody_stands(world: World) -> None:
    """The pages are the same for a person who refused everything and for one who said nothing."""
    refusing, silent = await holders(world, 2)
    await refuse_all(world, refusing)
    await set_account_flag(world.standings, BRAND, refusing.id, StandingFlag.DEACTIVATED, True, "letter")
    async with browse(world) as client:
        for name in ("preferences, all mail", "leave, service"):
            for form in (None, {"want": "newsletter", "close": "account"}):
                shown = []
                for holder in (refusing, silent):
                    link = holder.links(1)[name]
                    shown.append((await client.post(link, data=form) if form else await client.get(link)).text)
                assert shown[0] == shown[1], name


@pytest.mark.parametrize("scope", ["category", "all"])
async def test_a_press_is_undone_on_its_page(world: World, scope: str) -> None:
    """The page after a press has a button that makes all as it was, once."""
    [holder] = await holders(world, 1)
    link = holder.links(1)["unsubscribe, newsletter"]
    before = await standing_of(world, holder)
    async with browse(world) as client:
        value = undo_value((await client.post(link, data={"scope": scope})).text)
        assert (await standing_of(world, holder)).opted_out == {"newsletter" if scope == "category" else "*"}
        undone = await client.post(link, data={"undo": value})
        again = await client.post(link, data={"undo": value})
    assert "Undone" in undone.text
    assert "can no longer be undone" in again.text
    after = await standing_of(world, holder)
    assert (after.opted_out, after.consents, after.objected) == (before.opted_out, before.consents, before.objected)


def undo_value(page: str) -> str | None:
    """The value of a page's undo button; None if it has none."""
    found = re.search(r'name="undo" value="([^"]+)"', page)
    return found[1] if found else None


async def test_nothing_but_its_own_press_is_undone(world: World) -> None:
    """The undo brings back nothing else: no earlier, later, foreign or one-click opt-out, nor an older press."""
    holder, other, late = await holders(world, 3)
    link, theirs, slow = (each.links(1)["unsubscribe, newsletter"] for each in (holder, other, late))
    policy, press = world.policies[BRAND], {"scope": "category"}
    async with browse(world) as client:
        assert undo_value((await client.post(theirs)).text) is None, "one click"
        assert undo_value((await client.post(theirs, data=press)).text) is None, "left before"
        value = undo_value((await client.post(link, data=press)).text)
        await client.post(theirs, data={"undo": value})
        await record_opt_out(world.standings, policy, holder.id, "newsletter", "letter")
        await client.post(link, data={"undo": value})
        await client.post(slow, data=press)
        row = await world.pool.fetchrow(
            "UPDATE suppressions SET at = at - interval '11 minutes' WHERE id = (SELECT max(id) FROM suppressions)"
            " RETURNING id, at"
        )
        assert row is not None
        stale = LINKS.sign_undo_token(UndoToken(BRAND, late.id, row["id"], row["at"]))
        assert "can no longer be undone" in (await client.post(slow, data={"undo": stale})).text
    for each in (holder, other, late):
        assert (await standing_of(world, each)).opted_out == {"newsletter"}


async def test_a_wish_takes_effect_by_the_mail_to_the_address_on_record(world: World) -> None:
    """Each of them, once: the link of the mail does what was asked for, and does nothing after a change of address."""
    holder, moved = await holders(world, 2)
    await refuse_all(world, holder)
    async with browse(world) as client:
        for who in (holder, moved):
            await client.post(who.links(1)["preferences, all mail"], data={"want": list(WANTED)})
        await client.post(holder.links(1)["leave, service"], data={"close": "account"})
        link, stale = await confirmations(world)
        await move(world, moved)
        page = (await client.get(link)).text
        wishes = re.findall(r'name="wish" value="([^"]+)"', page)
        for wish in wishes:
            assert (await client.post(link, data={"wish": wish})).status_code == 200
        gone = await client.post(stale, data={"wish": "newsletter"})
    assert RequestedAct.CLOSED in wishes
    assert "partner/penpal-shop" in wishes
    assert not {"purpose/offers", "newsletter/chat-rooms"} & set(wishes), "what the page does not offer"
    after = await standing_of(world, holder)
    assert after.consents >= {"newsletter", "promotional", TRACKING}
    assert (after.objected, after.personalisation_refused, after.tracking_refused) == (False, False, False)
    assert (after.deactivated, "newsletter" in after.opted_out) == (True, False)
    assert gone.status_code == 410
    assert (await standing_of(world, moved)).consents == frozenset()
    assert (await world.ledger.verify_ledger()).faults == ()


async def confirmations(world: World) -> list[str]:
    """The links of the confirmation mails that were published, the oldest first."""
    rows = await world.pool.fetch("SELECT body FROM outbox ORDER BY id")
    return [re.findall(r"https://mail\.example/confirm/[\w.-]+", row["body"])[0] for row in rows]


async def test_pages_say_masked_which_address_they_are_about(world: World) -> None:
    """A person with three addresses can tell them apart; to a link for another address nothing is said.

    The page that explains a mail says nothing of an address: it is made to be forwarded.
    """
    [holder] = await holders(world, 1)
    async with browse(world) as client:
        for name, link in holder.links(1).items():
            is_told = "This page is about <span>u…@p….example</span>." in (await client.get(link)).text
            assert is_told == ("/report/" not in link), name
        await move(world, holder)
        for name, link in [*holder.links(1).items(), *holder.links(None).items()]:
            assert "This page is about" not in (await client.get(link)).text, name


def effects(before: Standing, after: Standing, asked: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Returns what a press came to: a verb of the table, and what it is about."""
    for scope in after.opted_out - before.opted_out:
        yield "stops", "all optional mail" if scope == EVERYTHING_OPTIONAL else scope
    for name, words in WORDS.items():
        if getattr(after, name) and not getattr(before, name):
            yield "refuses", words
    if after.paused_until != before.paused_until:
        yield "limits", "by a pause"
    if after.own_cap != before.own_cap:
        yield "limits", f"to one {after.own_cap}"
    for scope in before.consents - after.consents:
        yield "withdraws", scope
    for what in asked:
        yield "asks by mail for", what


WORDS = {
    "objected": "marketing",
    "personalisation_refused": "personalised offers",
    "tracking_refused": "being counted",
}


async def test_the_table_says_what_each_holder_can_do(world: World) -> None:
    """Each button of each page behind each link of each category is pressed, each by another person's mail."""
    people, rows = iter(await holders(world, 200)), []
    async with browse(world) as client:
        for name in next(people).links(1):
            cells = [await cell(world, client, name, people, moves=moves) for moves in (False, True)]
            rows.append("| {} | {} | {} | {} |".format(*name.split(", "), *cells))
        cells = [await confirming(world, client, next(people), moves=moves) for moves in (False, True)]
        rows.append("| confirm | rights | {} | {} |".format(*cells))
    table = "\n".join(rows)
    assert table in TABLE.read_text("utf-8"), f"{TABLE} must have these rows:\n{table}"


async def cell(world: World, client: httpx.AsyncClient, name: str, people: Iterator[Holder], *, moves: bool) -> str:
    """Returns what one link does, as the table has it: every button of its page alone, and every tick of it."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    first = next(people)
    if moves:
        await move(world, first)
    page = (await client.get(first.links(1)[name])).text
    for field, value in sorted(set(re.findall(r'name="(\w+)" value="([^"]+)"', page))):
        holder = next(people)
        link = holder.links(1)[name]
        await consents(world, BRAND, TRACKING, ref=f"user-{holder.number}")
        if moves:
            await move(world, holder)
        before = await standing_of(world, holder)
        pressed = await client.post(link, data={field: value})
        if 'name="back"' in (await client.get(link)).text:
            await client.post(link, data={"back": "yes"})
        asked = await world.pool.fetch("SELECT what FROM wishes WHERE recipient_id = $1", holder.id)
        for verb, what in effects(before, await standing_of(world, holder), [row["what"] for row in asked]):
            found[verb].add(what)
        if value := undo_value(pressed.text):
            await client.post(link, data={"undo": value})
            after = await standing_of(world, holder)
            assert (after.opted_out, after.paused_until, after.own_cap) == (before.opted_out, None, None)
            found["undoes"].add("that press")
    return "; ".join(f"{verb} {', '.join(sorted(found[verb]))}" for verb in VERBS if verb in found) or "nothing"


async def confirming(world: World, client: httpx.AsyncClient, holder: Holder, *, moves: bool) -> str:
    """Returns what the link of a confirmation mail does: each button of its page, once all has been asked for."""
    await client.post(holder.links(1)["preferences, all mail"], data={"want": list(WANTED)})
    *_, link = await confirmations(world)
    if moves:
        await move(world, holder)
    for wish in re.findall(r'name="wish" value="([^"]+)"', (await client.get(link)).text):
        await client.post(link, data={"wish": wish})
    query = "SELECT what FROM wishes WHERE recipient_id = $1 AND answered_at IS NOT NULL ORDER BY what"
    done = [row["what"] for row in await world.pool.fetch(query, holder.id)]
    return f"does what was asked for: {', '.join(done)}; shows and stops what the person gets" if done else "nothing"


VERBS = ("stops", "limits", "undoes", "refuses", "withdraws", "asks by mail for")
