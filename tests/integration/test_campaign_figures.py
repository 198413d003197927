"""Figures of campaigns: they are those of the ledger, they add up, and small groups stay hidden."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from mailer.policy.campaign_figures import CampaignFigures, Difference
from mailer.ports.campaign_figures import CampaignReport
from mailer.ports.received_mail import ReceivedMailEffect
from mailer.ports.suppressions import NewSuppression
from mailer.ports.time_ordered_uuids import uuid7
from tests.factories import BRAND, World, person
from tests.released_campaigns import ReleasedCampaign, count_all, release, reports_of

CELL = 20
"""The minimum cell of the brand."""


async def report_of(world: World, campaign: ReleasedCampaign) -> CampaignReport:
    """The report, with its figures counted anew."""
    await count_all(world)
    report = await reports_of(world).find_campaign_report(campaign.id)
    assert report is not None
    return report


async def figures_of(world: World, campaign: ReleasedCampaign) -> CampaignFigures:
    """The figures, counted anew."""
    figures = (await report_of(world, campaign)).figures
    assert figures is not None
    return figures


async def come_back(world: World, mailing_id: UUID, number: int, effect: ReceivedMailEffect) -> None:
    """A report about a person's mail, as `mailer inbound` has handled it."""
    await world.pool.execute(
        "INSERT INTO received_mail (id, brand, mailbox, sender, recipient, peer, helo, state, kind, effect,"
        " recipient_id, mailing_id, handled_at)"
        " VALUES ($1, $2, 'return_path', '', '', '', '', 'handled', 'bounce', $3, $4, $5, now())",
        *(uuid7(), BRAND, effect.value, await world.id_of(f"user-{number}"), mailing_id),
    )


async def test_the_report_is_what_the_ledger_says(world: World) -> None:
    """Sent is as many as the ledger has accepted; each difference to what was shown has its reason, and adds up."""
    people = [person(number) for number in range(12)]
    campaign = await release(world, {"a": people}, {"user-9": ("suppress", "opted_out"), "user-8": ("hold", "night")})
    for number, scope in ((0, "newsletter"), (1, "*")):
        await world.standings.record_opt_out(BRAND, await world.id_of(f"user-{number}"), scope, "page")
    await campaign.hand_over(world)
    figures = await figures_of(world, campaign)
    done, mailing_id = figures.shown_and_done, campaign.mailings["a"].mailing_id
    handed = await world.entries(mailing_id, "hand_over")
    assert done.sent == len({entry["recipient"] for entry in handed}) == 10
    assert done.lost == (Difference(state="suppressed", reason="opted_out", people=2),)
    assert done.gained == (Difference(state="suppress", reason="opted_out", people=1),)
    assert (done.shown, done.open, done.audience) == (11, 0, 12)
    assert done.adds_up
    real = await world.real_counts(mailing_id)
    assert Counter((one.state, one.reason) for one in done.not_sent) == {("suppressed", "opted_out"): 1}
    assert real["suppressed", "opted_out"] == 2
    assert real["handed_over", ""] == 10


async def test_what_came_back_counts_each_person_once(world: World) -> None:
    """Opt-outs by its links, complaints and bounces of its mail, by variant, day and domain; nobody else's."""
    people = {
        "a": [person(number) for number in range(25)],
        "b": [person(number, email=f"user-{number}@few.example") for number in range(25, 30)],
    }
    campaign = await release(world, people)
    await campaign.hand_over(world)
    first, second = (campaign.mailings[variant].mailing_id for variant in "ab")
    for number, scope, mailing_id in ((0, "newsletter", first), (0, "*", first), (26, "*", second), (2, "*", None)):
        recipient_id = await world.id_of(f"user-{number}")
        await world.standings.record_opt_out(BRAND, recipient_id, scope, "page", mailing_id=mailing_id)
    complaint = NewSuppression("*", "complaint", "feedback report", "inbound", mailing_id=first)
    await world.suppressions.suppress_recipient(BRAND, await world.id_of("user-3"), complaint)
    for number in (4, 4, 5):
        await come_back(world, first, number, ReceivedMailEffect.ADDRESS_DEAD)
    await come_back(world, second, 27, ReceivedMailEffect.SOFT_BOUNCE)
    await come_back(world, second, 28, ReceivedMailEffect.WAITS)
    figures = await figures_of(world, campaign)
    said = {
        one.variant: (one.sent, one.opt_outs, one.complaints, one.hard_bounces, one.soft_bounces)
        for one in figures.returns
    }
    assert said == {"a": (25, 1, 1, 2, 0), "b": (5, 1, 0, 0, 1)}
    [day] = figures.days
    assert day.day == datetime.now(UTC).date()
    assert (day.opt_outs, day.complaints, day.hard_bounces, day.soft_bounces) == (2, 1, 2, 1)
    # Five mailboxes are too few, and all but them would tell them.
    assert [(one.domain, one.sent) for one in figures.domains] == []


async def test_domains_below_the_cell_are_together(world: World) -> None:
    """Domains with enough mailboxes have their names; the others are one, which is large enough too."""
    sizes = {"large.example": 30, "small.example": 15, "smaller.example": 8}
    names = [name for name, size in sizes.items() for _ in range(size)]
    people = [person(number, email=f"user-{number}@{name}") for number, name in enumerate(names)]
    campaign = await release(world, {"a": people})
    await campaign.hand_over(world)
    mailing_id = campaign.mailings["a"].mailing_id
    for number in (0, 31, 46):
        await come_back(world, mailing_id, number, ReceivedMailEffect.ADDRESS_DEAD)
    figures = await figures_of(world, campaign)
    assert [(one.domain, one.sent, one.hard_bounces) for one in figures.domains] == [
        ("large.example", 30, 1),
        ("other", 23, 2),
    ]
    stored = await world.pool.fetchval("SELECT figures::text FROM campaign_figures")
    assert "small" not in stored
    assert "user-" not in stored


async def test_opens_and_clicks_below_the_cell_are_hidden(world: World) -> None:
    """Fewer fetches than the minimum cell are no figure; a link with few clicks is among the others, or nowhere."""
    campaign = await release(world, {"a": [person(number) for number in range(30)]})
    await campaign.hand_over(world)
    mailing_id = campaign.mailings["a"].mailing_id

    async def fetched(link: str | None, n: int, *, machine: bool = False) -> None:
        where = (
            ("opens (mailing_id, day, machine, n)", "")
            if link is None
            else ("clicks (mailing_id, day, machine, n, link)", ", $4")
        )
        values = (mailing_id, machine, n, *([] if link is None else [link]))
        await world.pool.execute(f"INSERT INTO {where[0]} VALUES ($1, current_date, $2, $3{where[1]})", *values)  # noqa: S608 - of our own

    await fetched(None, CELL - 1)
    await fetched(None, CELL + 3, machine=True)
    for link, n in (("https://a.example/", 45), ("https://b.example/", 12), ("https://c.example/", 11), ("", 4)):
        await fetched(link, n)
    figures = await figures_of(world, campaign)
    [seen] = figures.fetches
    assert (seen.opens, seen.machine_opens, seen.clicks, seen.clicked) == (None, CELL + 3, 72, None)
    assert [(one.link, one.clicks) for one in figures.links] == [("https://a.example/", 45), ("other", 27)]


async def test_while_it_runs_figures_of_opens_are_whole_cells(world: World) -> None:
    """Opens and clicks by link rise by whole cells only, as long as mail is still to go out."""
    campaign = await release(world, {"a": [person(number) for number in range(30)]})
    mailing_id = campaign.mailings["a"].mailing_id
    await world.pool.execute("INSERT INTO opens VALUES ($1, current_date, false, 47)", mailing_id)
    await world.pool.execute(
        "INSERT INTO clicks (mailing_id, link, day, machine, n)"
        " VALUES ($1, 'https://a.example/', current_date, false, 47)",
        mailing_id,
    )
    running = await report_of(world, campaign)
    assert running.figures is not None
    assert (running.is_final, running.figures.fetches[0].opens, running.figures.links[0].clicks) == (False, 40, 40)
    await campaign.hand_over(world)
    over = await report_of(world, campaign)
    assert over.figures is not None
    assert (over.is_final, over.figures.fetches[0].opens, over.figures.links[0].clicks) == (True, 47, 47)


async def test_deliveries_of_a_finished_campaign_are_not_counted_again(world: World) -> None:
    """A count after all is over looks for what came back, and leaves the deliveries alone, which may be gone."""
    campaign = await release(world, {"a": [person(number) for number in range(3)]})
    await campaign.hand_over(world)
    before = await figures_of(world, campaign)
    await world.pool.execute("DELETE FROM manifest_people")
    await come_back(world, campaign.mailings["a"].mailing_id, 1, ReceivedMailEffect.ADDRESS_DEAD)
    after = await figures_of(world, campaign)
    assert after.cells == before.cells
    assert after.all_returns.hard_bounces == 1


async def test_a_campaign_that_cannot_be_counted_stops_no_other(world: World) -> None:
    """A brand without a policy has no minimum cell, so nothing of it is shown; the others are counted."""
    broken = await release(world, {"a": [person(1)]}, name="Broken")
    await world.pool.execute("UPDATE campaigns SET brand = 'gone' WHERE id = $1", broken.id)
    whole = await release(world, {"a": [person(2)]})
    await count_all(world)
    reports = [await reports_of(world).find_campaign_report(one.id) for one in (broken, whole)]
    assert [report.figures is not None for report in reports if report] == [False, True]


async def test_earlier_campaigns_stand_beside(world: World) -> None:
    """The last ones of the brand that were released before, the newest first; none that came later."""
    names = ["Oldest", "Older", "This", "Newer"]
    made = [
        await release(world, {"a": [person(number)]}, name=name, days_ago=10 - number)
        for number, name in enumerate(names)
    ]
    report = await report_of(world, made[2])
    assert [one.name for one in report.earlier] == ["Older", "Oldest"]


async def test_old_campaigns_are_left_alone(world: World) -> None:
    """Nothing is counted any more after ninety days."""
    await release(world, {"a": [person(1)]}, days_ago=91)
    await count_all(world)
    due = await world.pool.fetchval("SELECT next_at = 'infinity' FROM campaign_figures")
    assert due is True


def test_days_are_days() -> None:
    """A day of figures is read back from JSON as a day."""
    figures = CampaignFigures.model_validate({"minimum_cell": 20, "days": [{"day": "2026-11-30"}]})
    assert figures.days[0].day == date(2026, 11, 29) + timedelta(days=1)
