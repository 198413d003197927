"""`mailer policy explain` answers why somebody did, or did not, get a mail."""

from typing import Any

import pytest

from mailer.policy.deciding import ASKED
from tests.factories import BRAND, World
from tests.letters import ADA, event_of, known, told
from tests.processes import Stack


async def asked(operator: Stack, *options: str) -> dict[str, Any]:
    """An explanation, which is on record nowhere and names no address."""
    done = await operator.done("policy", "explain", "--recipient", "ada", *options, "--json")
    assert "people.example" not in done.out
    found: dict[str, Any] = done.json
    return found


@pytest.mark.promise("interpals-07")
async def test_why_she_did_not_get_this(world: World, operator: Stack) -> None:
    """Of somebody suppressed it tells each rule in order, what it saw and said, which decided, and since when."""
    await known(world, BRAND, ADA)
    await world.standings.opt_out(BRAND, await world.id_of("ada"), "newsletter", "test")
    assert await told(world, event_of(BRAND, "weekly")) == []
    mailing = await world.pool.fetchval("SELECT id FROM mailings WHERE template = 'weekly'")
    found = await asked(operator, "--mailing", str(mailing))
    assert [line["rule"] for line in found["rules"]] == ["service-scope", *ASKED, "service-rate"]
    [decides] = [line for line in found["rules"] if line["decides"]]
    assert (decides["rule"], decides["said"]) == ("opt-out", "suppress: opted_out")
    assert decides["saw"]["standing.opted_out"] == "newsletter"
    assert found["decision"] == {"verdict": "suppress", "reason": "opted_out", "rule": "opt-out", "policy": "2024"}
    assert [(entry["reason"], entry["rule"]) for entry in found["recorded"]] == [("opted_out", "opt-out")]
    assert found["sentence"].startswith("ada does not get weekly, by the rule opt-out: optional mail never goes to who")


async def test_why_she_gets_this(world: World, operator: Stack) -> None:
    """Of a mail that might be sent it tells what it is to her, and where each switch that holds for her comes from."""
    await known(world, BRAND, ADA | {"country": "FR"})
    service = await asked(operator, "--brand", BRAND, "--template", "maintenance")
    assert (service["category"], service["to_this_person"]) == ("service", "notification")
    assert service["missing"] == []
    assert service["sentence"] == "ada gets maintenance as notification mail: no rule forbids it."
    assert service["switches"]["promo_basis"] == {"value": "opt_in", "from": "the floor of FR"}
    assert service["switches"]["service_scope"] == {"value": "paid", "from": "policy 2024, in force"}
    weekly = await asked(operator, "--template", "weekly", "--at", "2026-11-21T12:00:00")  # one brand knows her
    assert weekly["brand"] == BRAND
    assert (weekly["decision"]["reason"], weekly["at"]) == ("no_opt_in", "2026-11-21T12:00:00+00:00")
    partner = await asked(operator, "--brand", BRAND, "--template", "partner-offer", "--partner", "stranger")
    assert partner["decision"]["reason"] == "unrelated_third_party"


async def test_it_is_told_in_words(world: World, operator: Stack) -> None:
    """Without JSON it is tables and, last, the verdict in one sentence."""
    await known(world, BRAND, ADA)
    done = await operator.done(
        "policy", "explain", "--recipient", "ada", "--brand", BRAND, "--template", "invitation", "--inviter", "grace"
    )
    assert done.out.splitlines()[-1] == "ada gets invitation as invitation mail: no rule forbids it."
    assert all(rule in done.out for rule in ASKED)
    assert "people.example" not in done.out


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), "name a mailing by --mailing, or a mail by --template"),
        (("--brand", "acme", "--template", "weekly"), "--brand: there is no acme; there are"),
        (("--brand", BRAND, "--template", "weekli"), "--template: interpals has no weekli; it has"),
        (("--brand", BRAND, "--template", "weekly"), "--recipient: interpals has no recipient ada"),
        (("--template", "weekli"), "--template: no brand has weekli"),
        (("--template", "weekly"), "--brand: none of interpals, paltalk-2006 knows ada; name one"),
        (("--mailing", "01a20000-0000-7000-8000-000000000000"), "--mailing: there is no mailing 01a20000"),
    ],
)
async def test_what_cannot_be_explained(operator: Stack, options: tuple[str, ...], says: str) -> None:
    """What is not there is said in one line, with status 2."""
    done = await operator.run("policy", "explain", "--recipient", "ada", *options)
    assert (done.status, done.out) == (2, "")
    assert says in done.err


async def test_what_is_missing_is_named(world: World, operator: Stack) -> None:
    """Of somebody of whom nobody knows how the address was collected, it says so, and what would mend it."""
    await known(world, BRAND, ADA | {"source": None})
    found = await asked(operator, "--brand", BRAND, "--template", "spring-offer")
    assert found["decision"]["reason"] == "unknown_basis"
    assert found["missing"] == ["source"]
    assert found["sentence"].endswith("Nobody knows: source. The next event or import that names them can say it.")
