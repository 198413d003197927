"""Words on the collection of an address: they are added to, and no later one moves anybody to a laxer version."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from mailer.actions.privacy_rights import rectify_recipient
from mailer.policy.standing import Standing, version_scope
from mailer.ports.consents import Consent
from mailer.ports.privacy_rights import DataCorrection
from tests.factories import BRAND, World, make_event, new_mailing, person, policies

DAYS = ((date(2004, 1, 1), "2004"), (date(2024, 1, 1), "2024"))


async def said(world: World, number: int, **values: Any) -> Standing:
    """Somebody as an event names them, and what stands of them then."""
    event = make_event([person(number, **values)])
    [accepted] = await world.mailings.accept_mailings([replace(new_mailing(event), versions=DAYS)])
    await world.drop(accepted.mailing_id)
    standing = await world.standings.get_standing(BRAND, await world.id_of(f"user-{number}"))
    assert standing is not None
    return standing


@pytest.mark.parametrize(
    ("first", "then", "stands"),
    [
        ({}, {}, None),
        ({"policy_version": "2024"}, {}, "2024"),
        ({"policy_version": "2004"}, {"policy_version": "2024"}, "2004\n2024"),
        ({"policy_version": "2024"}, {"policy_version": "2004", "collected_at": "2005-01-01T00:00:00Z"}, "2024\n2004"),
        ({}, {"policy_version": "2024"}, "\n2024"),
        ({}, {"policy_version": "2024", "collected_at": "2024-06-01T00:00:00Z"}, "\n2024"),
        ({"collected_at": "2010-06-01T00:00:00Z"}, {}, "2004"),
        ({"collected_at": "2003-06-01T00:00:00Z"}, {}, None),
        ({"collected_at": "2010-06-01T00:00:00Z", "policy_version": "2024"}, {}, "2004\n2024"),
        ({"collected_at": "2010-06-01T00:00:00Z", "policy_version": "lost"}, {"policy_version": "2024"}, "lost\n2024"),
    ],
)
async def test_a_version_is_added_to(world: World, first: Any, then: Any, stands: str | None) -> None:
    """A version that is named later stands beside the one before; by the time of collection, where none is named."""
    await said(world, 1, **first)
    assert (await said(world, 1, **then)).collected_under == stands
    assert (await said(world, 1, **then)).collected_under == stands


async def test_a_day_to_come_is_of_no_version(world: World) -> None:
    """An address of a moment that has not come, as by a clock that is ahead, is of no version that is in force."""
    soon = datetime.now(UTC) + timedelta(minutes=4)
    assert (await said(world, 1, collected_at=soon.isoformat())).collected_under is None


async def test_a_source_is_added_to(world: World) -> None:
    """An entrant who signs up stays an entrant; a member whom another one invites is no invitee."""
    assert (await said(world, 1, source="contest")).source == "contest"
    assert (await said(world, 1, source="sign-up")).source == "contest\nsign-up"
    assert (await said(world, 2, source="sign-up")).source == "sign-up"
    assert (await said(world, 2, source="invitation")).source == "sign-up"


SPELLINGS = [
    ("bob@people.example", "BOB@People.example"),
    ("Bob+x@people.example", "bob@people.example"),
    ("bob@people.example", "bob+news@people.example"),
    ("bob+x@people.example", "bob+y@people.example"),
    ("bob@bücher.example", "BOB@xn--bcher-kva.example"),
    ("ΟΔΟΣ@people.example", "οδοσ@people.example"),
]


@pytest.mark.parametrize(("first", "then"), SPELLINGS)
async def test_an_address_keeps_what_it_is(world: World, first: str, then: str) -> None:
    """Another ref with the address, in another spelling, has the sources and versions of the first one."""
    await said(world, 1, email=first, source="contest", policy_version="2004")
    found = await said(world, 2, email=then, source="sign-up", policy_version="2024")
    assert (found.source, found.collected_under) == ("contest\nsign-up", "2004\n2024")


@pytest.mark.parametrize(("first", "then"), SPELLINGS)
async def test_who_was_there_keeps_the_source(world: World, first: str, then: str) -> None:
    """A member whose address enters a contest later, by another ref and version, stays a member, by both versions."""
    await said(world, 1, email=first, source="sign-up", policy_version="2024")
    await said(world, 2, email=then, source="contest", policy_version="2004")
    await said(world, 3, email=then, source="contest")
    found = await said(world, 1, email=first)
    assert (found.source, found.collected_under) == ("sign-up", "2004\n2024")


async def test_who_shares_an_address_is_told_at_once(world: World) -> None:
    """A stricter version that is said of one account holds for the other with the address before it is named again."""
    await said(world, 1, email="bob@people.example", policy_version="2024")
    await said(world, 2, email="BOB@people.example", policy_version="2004")
    found = await world.standings.get_standing(BRAND, await world.id_of("user-1"))
    assert found is not None
    assert found.collected_under == "2004\n2024"


async def test_a_person_takes_it_along_and_leaves_it_behind(world: World) -> None:
    """A new address makes no contest entrant a member. The old one makes its next owner no entrant."""
    await said(world, 1, email="old@people.example", source="contest", policy_version="2004")
    await said(world, 2, email="old@people.example", source="sign-up", policy_version="2024")
    for number in (1, 2):
        found = await said(world, number, email=f"new-{number}@people.example", policy_version="2024")
        assert found.source is not None
        assert "contest" in found.source.split("\n")
        assert found.collected_under == "2004\n2024"
    found = await said(world, 3, email="old@people.example", source="sign-up", policy_version="2024")
    assert (found.source, found.collected_under) == ("contest\nsign-up", "2004\n2024")


async def test_an_unknown_version_is_not_forgotten_under_another_ref(world: World) -> None:
    """A person known without a version is not moved to the newest one by a second account with the same address."""
    await said(world, 1, email="bob@people.example")
    found = await said(world, 2, email="bob@people.example", policy_version="2024")
    assert found.collected_under == "\n2024"


async def test_only_a_consent_moves_somebody_to_a_version(world: World) -> None:
    """A recorded consent to a version stands beside those before, ends with its withdrawal, and leaves no mail."""
    await said(world, 1, policy_version="2004")
    words = {"source": "application", "version": "form 1", "words": "I agree to the policy of 2024.", "actor": "Ada"}
    agreed = Consent(version_scope("2024"), True, at=datetime.now(UTC), **words)
    ada = await world.id_of("user-1")
    await world.consents.record_consent_or_withdrawal(BRAND, ada, agreed)
    assert (await said(world, 1)).collected_under == "2004\n\t2024"
    assert (await said(world, 1, policy_version="2004")).collected_under == "2004\n\t2024"
    await world.consents.record_consent_or_withdrawal(BRAND, ada, replace(agreed, given=False, at=datetime.now(UTC)))
    found = await said(world, 1)
    assert (found.collected_under, found.opted_out) == ("2004", frozenset())


@pytest.mark.parametrize(
    ("first", "then", "stands"),
    [
        ({}, {}, "US"),
        ({"country": "DE"}, {"country": "US"}, "US\nDE"),
        ({"country": "DE"}, {"country": None}, "DE"),
        ({"country": None}, {"country": "DE"}, "DE"),
        ({"country": "US"}, {"country": "DE", "collected_at": "2005-01-01T00:00:00Z"}, "US\nDE"),
    ],
)
async def test_a_country_is_added_to(world: World, first: Any, then: Any, stands: str) -> None:
    """A country that is named later stands before the one that was known, and takes nothing of it away."""
    await said(world, 1, **first)
    assert (await said(world, 1, **then)).country == stands
    assert (await said(world, 1, **then)).country == stands


@pytest.mark.parametrize(("first", "then"), SPELLINGS[1:4])
async def test_an_address_keeps_where_it_was(world: World, first: str, then: str) -> None:
    """A second account with an address, in any spelling, has the country of the first, and each later word."""
    await said(world, 1, email=first, country="DE")
    assert (await said(world, 2, email=then, country="US")).country == "US\nDE"
    await said(world, 2, email=f"new-{then}", country="US")
    assert (await said(world, 2, email=f"new-{then}", country="US")).country == "US\nDE"
    assert (await said(world, 3, email=first, country="FR")).country in ("FR\nDE\nUS", "FR\nDE")


@pytest.mark.parametrize("spelt", ["bob+x@people.example", "BOB@people.example"])
async def test_a_correction_replaces_the_countries(world: World, spelt: str) -> None:
    """The right to rectification lifts what was said wrongly, from every account of the address; events still add."""
    await said(world, 1, email="bob@people.example", country="DE")
    await said(world, 2, email=spelt, country="US")
    whose = await world.id_of("user-2")
    await rectify_recipient(world.rights, policies()[BRAND], whose, DataCorrection(country="CA"), "test")
    for number, email in ((1, "bob@people.example"), (2, spelt)):
        assert (await world.standings.get_standing(BRAND, await world.id_of(f"user-{number}"))).country == "CA"  # type: ignore[union-attr]
        assert (await said(world, number, email=email, country=None)).country == "CA"
    assert (await said(world, 2, email=spelt, country="US")).country == "US\nCA"
