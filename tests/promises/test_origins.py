"""Origins of addresses, which stay: a contest's, an invitee's, another controller's, by any spelling, ref or file."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mailer.events import Person
from mailer.policy.policy_file import Policy
from mailer.ports.recipient_import import RecipientImportRow
from tests.factories import BRAND, World, policies
from tests.letters import ADA, event_of, publish, told
from tests.processes import Stack
from tests.promises.test_consents import SAID, imports, reasons, tell, why_not

NEW = "paltalk-2006"
HEADER = "ref,email,country,source,collected_at,policy_version,purpose\n"
DRAW = {"collected_at": "2026-01-01T00:00:00Z", "purpose": "a draw"}


@pytest.mark.promise("interpals-01")
@pytest.mark.parametrize("source", ["Sweepstakes", "giveaway", "Pen Pal Contest", "PROMOTION", "raffle"])
async def test_every_kind_of_contest_is_no_consent(world: World, operator: Stack, source: str) -> None:
    """An entrant gets no newsletter and no offer, also when signing up later by event, by file and by another ref."""
    entrant = {**ADA, "email": "ada+draw@people.example", "source": source}
    refused = await publish(world, event_of(BRAND, "weekly", {**ADA, "source": f"{source} 2024"}))
    assert "to.people.0: source: there is no" in str(refused.settled)
    assert "needs purpose" in str((await publish(world, event_of(BRAND, "weekly", entrant))).settled)
    entrant |= DRAW
    later = {**ADA, "source": "sign-up", "policy_version": "2024"}
    for person in (entrant, {**later, "email": entrant["email"]}, {**later, "ref": "member"}):
        for template in ("weekly", "spring-offer"):
            assert await told(world, event_of(BRAND, template, person)) == []
            assert await why_not(world, person["ref"]) == ("contest_is_no_consent", "contest-entry")
    await imports(operator, f"{HEADER}member,ADA@people.example,US,sign-up,2026-06-01T00:00:00Z,2024,\n")
    assert await told(world, event_of(BRAND, "weekly", to={"refs": ["member"]})) == []
    assert await world.pool.fetchval("SELECT purpose FROM recipients WHERE ref = 'ada'") == "a draw"
    await tell(world, BRAND, "consents", "member", scope="newsletter", **SAID)
    assert len(await told(world, event_of(BRAND, "weekly", to={"refs": ["member"]}))) == 1


@pytest.mark.promise("interpals-10", "paltalk02-06")
@pytest.mark.parametrize("brand", ["interpals", "paltalk-2002"])
@pytest.mark.parametrize("invited", ["Bob+x@bücher.example", "BOB@xn--bcher-kva.example", "bob@BÜCHER.example"])
async def test_an_invitee_who_registers_is_still_asked(world: World, brand: str, invited: str) -> None:
    """Registering makes account mail possible, under any ref and spelling. Marketing waits for a consent."""
    guest = {"ref": "guest", "email": invited, "source": "sign-up", "collected_at": "2026-01-01T00:00:00Z"}
    assert len(await told(world, event_of(brand, "invitation", guest, inviter="Grace"))) == 1
    bob = {**ADA, "ref": "bob", "email": "bob@xn--bcher-kva.example", "source": "sign-up"}
    assert len(await told(world, event_of(brand, "rights-answer", bob))) == 1
    for person in (bob, {**bob, "ref": "guest", "email": invited}):
        for template in ("weekly", "spring-offer"):
            assert await told(world, event_of(brand, template, person)) == []
            assert await why_not(world, person["ref"]) == ("only_invited", "one-invitation")
    await tell(world, brand, "consents", "bob", scope="promotional", **SAID)
    assert len(await told(world, event_of(brand, "spring-offer", to={"refs": ["bob"]}))) == 1


@pytest.mark.promise("interpals-10")
@pytest.mark.parametrize("source", ["invitation", "Invitation", "friend"])
async def test_who_is_invited_again_under_her_own_ref_stays_a_member(world: World, source: str) -> None:
    """An invitation by any name that the policy lists takes nothing from a member, by event and by file; nor gives."""
    world.policies[BRAND] = policies()[BRAND].model_copy(update={"sources": {"friend": "invitation"}})
    await told(world, event_of(BRAND, "weekly", ADA))
    again = {**ADA, "source": source, "collected_at": "2026-10-01T00:00:00Z"}
    await told(world, event_of(BRAND, "invitation", again, inviter="Grace"))
    await world.importer().import_rows_in_one_transaction([RecipientImportRow(Person.model_validate(again))])
    assert await world.pool.fetchval("SELECT source FROM recipients WHERE ref = 'ada'") == "sign-up"
    assert len(await told(world, event_of(BRAND, "spring-offer", to={"refs": ["ada"]}))) == 1
    guest = {"ref": "guest", "email": "guest@people.example", "country": "US", "source": source}
    await told(world, event_of(BRAND, "invitation", guest, inviter="Grace"))
    assert await told(world, event_of(BRAND, "spring-offer", to={"refs": ["guest"]})) == []
    assert await why_not(world, "guest") == ("only_invited", "one-invitation")


@pytest.mark.promise("interpals-13")
async def test_a_foreign_version_is_never_ours(world: World, operator: Stack) -> None:
    """Another controller's version with the name of ours counts as none of ours, and no event makes it one."""
    (operator.folder / "left.csv").write_text("email\n")
    options = ("--from-controller", "Acme Ltd", "--suppressions", "left.csv")
    line = "ada,ada@people.example,US,sign-up,2026-01-01T00:00:00Z,2024,\n"
    assert (await imports(operator, HEADER + line, *options))["taken"] == 1
    again = {**ADA, "policy_version": "2024"}
    for person in (again, {**again, "ref": "twin"}):
        for template in ("weekly", "spring-offer"):
            assert await told(world, event_of(BRAND, template, person)) == []
            assert await why_not(world, person["ref"]) == ("unknown_basis", "known-basis")
    assert (await imports(operator, HEADER + line.replace("sign-up", "their list"), *options))["rejected"] == 1
    assert "source: there is no 'their list'" in reasons(operator)


def with_stricter_first(policy: Policy) -> Policy:
    """A brand whose first version asked before it made offers, and whose present one does not."""
    asks = policy.switches.model_copy(update={"promo_basis": "opt_in"})
    first = policy.model_copy(update={"version": "2004", "effective": policy.effective.replace(year=2004)})
    return policy.with_earlier_versions({"2004": first.model_copy(update={"switches": asks})})


@pytest.mark.promise("paltalk06-25", "interpals-13")
@pytest.mark.parametrize(
    "came",
    [
        {"policy_version": "2004"},
        {"collected_at": "2010-01-01T00:00:00Z"},
        {"collected_at": "1999-01-01T00:00:00Z"},
        {"collected_at": "in four minutes"},
        {"policy_version": "2002-12-15"},
        {},
    ],
)
async def test_continued_use_is_no_consent(world: World, operator: Stack, came: dict[str, Any]) -> None:
    """No event, file or second account moves somebody to the laxer version; a consent to that version does."""
    world.policies[BRAND] = with_stricter_first(policies()[BRAND])
    plain = {name: value for name, value in ADA.items() if name not in ("policy_version", "collected_at")}
    if came.get("collected_at") == "in four minutes":  # of the test, which may begin long after they were collected
        came = {"collected_at": (datetime.now(UTC) + timedelta(minutes=4)).isoformat()}
    now = {**plain, "policy_version": "2024"}
    file = f"{HEADER}ada,ada@people.example,US,sign-up,2026-01-01T00:00:00Z,2024,\n"
    for person in ({**plain, **came}, now, {**now, "ref": "twin", "email": "Ada+2@people.example"}):
        assert await told(world, event_of(BRAND, "spring-offer", person)) == []
        assert (await why_not(world, person["ref"]))[0] in ("no_opt_in", "unknown_basis")
        assert (await imports(operator, file))["taken"] == 1
    assert await told(world, event_of(BRAND, "spring-offer", to={"refs": ["ada"]})) == []
    assert (await tell(world, BRAND, "consents", scope="version/2024", **SAID))[0] == 200
    assert len(await told(world, event_of(BRAND, "spring-offer", to={"refs": ["ada"]}))) == 1


async def test_who_came_under_the_laxer_version_is_not_asked(world: World) -> None:
    """The strict version holds for people who came under it. The present one holds for people who came later."""
    world.policies[BRAND] = with_stricter_first(policies()[BRAND])
    assert len(await told(world, event_of(BRAND, "spring-offer", {**ADA, "policy_version": "2024"}))) == 1
