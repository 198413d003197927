"""The pages of policies and of the ledger."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from mailer.actions.policy_comparison import PolicyComparer
from mailer.policy.promise_report import ProofTest, RecordedProofs
from mailer.policy.staff_rights import StaffRole
from mailer.ports.people_sample import PeopleSample
from mailer.postgres.people_sample import PostgresPeopleSampler
from tests.factories import BRAND, World, person, templates
from tests.integration.console_browser import open_browser

OTHER = "peerstream"
VERIFY = "/console/ledger/verify"


async def test_a_policy_is_shown_with_its_promises_and_rules(world: World) -> None:
    """Each promise has its words and its rules; two policies are compared key by key."""
    policy, other = world.policies[BRAND], world.policies[OTHER]
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.MARKETER)
        page = (await browser.open(f"/console/policies/{BRAND}")).text
        for line in policy.promises:
            assert f'<strong id="{line.id}">' in page
            assert all(rule in page for rule in line.rules)
        pair = f"before={BRAND}@{policy.version}&after={OTHER}@{other.version}"
        compared = (await browser.open(f"/console/policies/compare?{pair}")).text
        assert "<code>controller.id</code>" in compared
        groups = re.findall(
            r"<details class=.section.( open)?>\n<summary><strong>([^<]+)</strong> <small>(\d+)", compared
        )
        assert all(bool(is_open) == (int(number) <= 8) for is_open, _, number in groups), "a long group is folded"
        assert {"general", "controller", "promises"} <= {name for _, name, _ in groups}
        assert sum(int(number) for *_, number in groups) == compared.count('<td class="lead"')
        assert compared.index("/console/policies/effects?") < compared.index('<details class="section"')
        same = f"before={BRAND}@{policy.version}&after={BRAND}@{policy.version}"
        assert "They say the same." in (await browser.open(f"/console/policies/compare?{same}")).text


async def test_other_brands_policies_are_not_seen(world: World) -> None:
    """Policies of other brands are not listed, not shown by name, and not compared."""
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.MARKETER, brand=BRAND)
        listed = (await browser.open("/console/policies")).text
        assert re.findall(r'href="/console/policies/([\w-]+)"', listed) == [BRAND]
        assert (await browser.open(f"/console/policies/{OTHER}")).status_code == 403
        pair = f"before={BRAND}@{world.policies[BRAND].version}&after={OTHER}@{world.policies[OTHER].version}"
        assert (await browser.open(f"/console/policies/compare?{pair}")).status_code == 404
        for odd in ("nobody", "..%2F..", "x" * 300):
            assert (await browser.open(f"/console/policies/{odd}")).status_code in (403, 404)


async def test_the_ledger_is_verified_since_the_last_seal(world: World) -> None:
    """Intact first; then an entry is changed behind the seal, and the page names it; its entries are counted."""
    await world.accept([person(1)])
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.OPS)
        assert "There is no seal yet." in (await browser.send(VERIFY, on="/console/ledger")).text
        await world.ledger.store_one_seal_of_all_chains()
        assert "Intact. Nothing was written" in (await browser.send(VERIFY, on="/console/ledger")).text
        await world.accept([person(2)])
        assert re.search(r"Intact: \d+ entries by 1 writers", (await browser.send(VERIFY, on="/console/ledger")).text)
        await world.pool.execute("ALTER TABLE ledger DISABLE TRIGGER USER")
        last = "(writer, n) = (SELECT writer, n FROM ledger ORDER BY at DESC, n DESC LIMIT 1)"
        await world.pool.execute(f"UPDATE ledger SET brand = 'forged' WHERE {last}")  # noqa: S608
        page = (await browser.send(VERIFY, on="/console/ledger")).text
        assert "The ledger was changed." in page
        assert "changed or reordered" in page


async def test_what_was_sealed_is_compared(world: World) -> None:
    """An entry that was sealed and is gone, or has another hash, is found, though it is not read again."""
    await world.accept([person(1)])
    await world.ledger.store_one_seal_of_all_chains()
    await world.accept([person(2)])
    assert (await world.ledger.verify_since_last_seal(1000)).faults == ()
    seal = await world.ledger.latest_seal()
    assert seal is not None
    await world.pool.execute("ALTER TABLE ledger DISABLE TRIGGER USER")
    n = int(re.findall(r'"n":(\d+)', seal["body"])[0])
    await world.pool.execute("UPDATE ledger SET hash = sha256(hash) WHERE n = $1", n)
    found = await world.ledger.verify_since_last_seal(1000)
    assert any("not the entry that was sealed" in fault.what for fault in found.faults)
    await world.pool.execute("DELETE FROM ledger WHERE n >= $1", n)
    found = await world.ledger.verify_since_last_seal(1000)
    assert any(fault.what.startswith("missing") for fault in found.faults)


async def test_it_stops_where_it_is_told(world: World) -> None:
    """A bounded check says that there is more, and names what it found."""
    await world.ledger.store_one_seal_of_all_chains()
    for number in range(4):
        await world.accept([person(number)])
    await world.ledger.store_one_seal_of_all_chains()
    for number in range(4, 9):
        await world.accept([person(number)])
    whole = await world.ledger.verify_since_last_seal(1000)
    assert (whole.is_complete, whole.entries >= 5, whole.faults) == (True, True, ())
    part = await world.ledger.verify_since_last_seal(2)
    assert (part.is_complete, part.entries) == (False, 2)


async def test_a_forged_seal_is_named(world: World) -> None:
    """One that is not signed by this ledger's key."""
    await world.accept([person(1)])
    await world.ledger.store_one_seal_of_all_chains()
    await world.pool.execute("ALTER TABLE seals DISABLE TRIGGER USER")
    await world.pool.execute("UPDATE seals SET signature = '\\x00'")
    found = await world.ledger.verify_since_last_seal(1000)
    assert [fault.writer for fault in found.faults] == ["seals"]


async def test_seals_have_pages(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest first."""
    monkeypatch.setattr("mailer.web.console.ledger_pages.ROWS", 2)
    for _ in range(3):
        await world.ledger.store_one_seal_of_all_chains()
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.OPS)
        first = (await browser.open("/console/ledger")).text
        [older] = re.findall(r'href="\?before=(\d+)"', first)
        assert re.findall(r'data-label="Seal">(\d+)</td>', first)[-1] == older
        second = (await browser.open(f"/console/ledger?before={older}")).text
        assert len(re.findall(r'data-label="Seal">(\d+)</td>', second)) == 1
        for odd in ("0", "x", "9" * 30):
            assert (await browser.open(f"/console/ledger?before={odd}")).status_code == 404


async def test_proofs_stand_beside_promises(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a record nothing is called proven; with one, each test has its outcome; one of other code says so."""
    first, second, *_ = world.policies[BRAND].promises
    tests = {first.id: (ProofTest("tests/promises/test_web.py::test_it", "passed"), ProofTest("test_that", "failed"))}
    differs: tuple[str, ...] = ()

    async def recorded() -> RecordedProofs:
        return RecordedProofs("2026-11-29T12:00:00Z", "abc1234", True, differs, tests)

    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.MARKETER)
        assert "There is no record of a test run" in (await browser.open(f"/console/policies/{BRAND}")).text
    monkeypatch.setattr("tests.console_operations.recorded_proofs", recorded)
    async with open_browser(world) as browser:
        await browser.enter("Mira", role=StaffRole.MARKETER)
        page = (await browser.open(f"/console/policies/{BRAND}")).text
        row = page[page.index(f'id="{first.id}"') : page.index(f'id="{second.id}"')]
        assert re.search(r"✓ passed: <code>promises/test_web.py::test_it</code>.*✗ failed: <code>test_that</code>", row)
        assert "no test" in page[page.index(f'id="{second.id}"') :]
        assert "run of 2026-11-29T12:00:00Z, commit abc1234" in page
    differs = ("code", "policies")
    async with open_browser(world) as browser:
        await browser.enter("Max", role=StaffRole.MARKETER)
        page = (await browser.open(f"/console/policies/{BRAND}")).text
        assert "these have changed: code, policies. So the run proves nothing" in page


async def test_effects_of_another_policy_are_counted(world: World) -> None:
    """People of the brand alone are decided about, by category and rule; another brand's policy is not seen."""
    await world.known(1, 2)
    ids = await world.known(3, 4)
    for recipient_id in ids:
        await world.standings.record_opt_out(BRAND, recipient_id, "newsletter", "page")
    policy, other = world.policies[BRAND], world.policies[OTHER]
    path = f"/console/policies/effects?before={BRAND}@{policy.version}&after="
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.MARKETER)
        same = (await browser.open(f"{path}{BRAND}@{policy.version}")).text
        assert "Everybody was looked at: 4 people." in same
        assert "<code>" not in same[same.index("<table") : same.index("</table>")]
        page = (await browser.open(f"{path}{OTHER}@{other.version}")).text
        assert re.search(r"People: 4\. Stopped by:.*?<code>[a-z-]+</code>", page, re.DOTALL)
        assert (await browser.open(f"{path}{OTHER}@nothing")).status_code == 404
        await world.known(5)
        again = (await browser.open(f"{path}{OTHER}@{other.version}")).text
        assert page[page.index("Everybody") :] == again[again.index("Everybody") :], "the figures stay for a while"
    async with open_browser(world) as browser:
        await browser.enter("Mira", role=StaffRole.MARKETER, brand=BRAND)
        assert (await browser.open(f"{path}{OTHER}@{other.version}")).status_code == 404


async def test_figures_of_another_policy_end_after_five_minutes(world: World) -> None:
    """They are counted anew then; those of other versions, or of another brand's policy, are never shown for them."""
    await world.known(1)
    comparer, now = PolicyComparer(PostgresPeopleSampler(world.pool), templates()), datetime.now(UTC)
    policy, other = world.policies[BRAND], world.policies[OTHER]
    first = await comparer.compare_policies_over_people(policy, other, now)
    await world.known(2)
    soon = await comparer.compare_policies_over_people(policy, other, now + timedelta(minutes=4))
    assert soon is first
    assert (await comparer.compare_policies_over_people(policy, policy, now)).people == 2
    later = await comparer.compare_policies_over_people(policy, other, now + timedelta(minutes=5))
    assert (first.people, later.people, later.counted_at) == (1, 2, now + timedelta(minutes=5))


async def test_a_sample_is_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many people there are, a sample has at most so many, from early and late ones, and says it is one."""
    monkeypatch.setattr("mailer.postgres.people_sample.POINTS", 4)
    monkeypatch.setattr("mailer.postgres.people_sample.ROWS_EACH", 2)
    ids = await world.known(*range(1, 41))
    sample = await PostgresPeopleSampler(world.pool).read_sample_of_people(BRAND)
    found = [standing.recipient_id for standing in sample.standings]
    assert (len(found), len(set(found)), sample.is_everybody) == (8, 8, False)
    assert min(found) == min(ids)
    assert max(found) > max(ids) - 11
    assert await PostgresPeopleSampler(world.pool).read_sample_of_people(OTHER) == PeopleSample([], False)
