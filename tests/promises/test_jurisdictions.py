"""The law of each country, seen in the mail that is handed over: unknown is never the laxest."""

from datetime import UTC, datetime
from typing import Any

import pytest

from mailer.actions.privacy_rights import rectify_recipient
from mailer.ports.consents import Consent
from mailer.ports.privacy_rights import DataCorrection
from tests.factories import BRAND, World, person, plain_event, policies, received
from tests.letters import ADA, event_of, known, parts, read, told
from tests.processes import Stack
from tests.promises.test_consents import imports, tell, why_not

OPT_OUT_BRANDS = {"interpals": "2024", "paltalk-2002": "2002-12-15"}
"""The brands that promise promotions without an opt-in, with their versions (interpals-24, paltalk02-02)."""
ASKED_FIRST: dict[str, dict[str, Any]] = {
    **{code: {"country": code} for code in ("UK", "EL", "de", "RE", "AX", "GF", "SJ", "IM", "JP", "KR", "BR", "TR")},
    **{code: {"country": code} for code in ("CHE", "XK", "AR", "GL", "NC", "HK")},
    "nobody knows": {"country": None},
    "de-DE": {"country": None, "locale": "de-DE"},
    "en-US": {"country": None, "locale": "en-US"},
    "de-DE in the UK": {"country": "uk", "locale": "en-US"},
}
"""People who get no offers without a consent: where they live, or how they write."""
NOT_ASKED: dict[str, dict[str, Any]] = {code: {"country": code} for code in ("US", "usa", "PR", "GU")}
"""People who get offers until they refuse."""


def address_of(ref: str) -> str:
    """The address of somebody of these tests."""
    return f"{ref.replace(' ', '-').replace(',', '')}@people.example".lower()


async def offered(world: World, brand: str, people: dict[str, dict[str, Any]], consenting: bool = False) -> set[str]:
    """The people who are handed an offer and a newsletter of a brand. Each gets both or neither."""
    version = policies()[brand].version
    audience = [
        {**person(0), "ref": ref, "email": address_of(ref), "source": "sign-up"} | {"policy_version": version} | values
        for ref, values in people.items()
    ]
    audience = [{key: value for key, value in one.items() if value is not None} for one in audience]
    if consenting:
        await world.drop((await world.accept(audience, "newsletter", brand=brand)).mailing_id)
        for one in audience:
            whose = await world.id_of(one["ref"], brand)
            for scope in ("promotional", "newsletter"):
                said = Consent(scope, True, "confirmed", version, "Yes, send me that.", "recipient", datetime.now(UTC))
                await world.consents.record_consent_or_withdrawal(brand, whose, said, None)
    sent: dict[str, set[str]] = {}
    for category in ("promotional", "newsletter"):
        if category not in policies()[brand].terms:
            continue
        before = len(world.processor.sent)
        arrived = received(plain_event(audience, category, brand=brand))
        await world.intake().accept_event_messages(category, [arrived])
        assert arrived.settled == "ack"
        sent[category] = {mail.recipient for mail in world.processor.sent[before:]}
    assert len({frozenset(found) for found in sent.values()}) == 1
    reached = next(iter(sent.values()))
    return {one["ref"] for one in audience if one["email"] in reached}


@pytest.mark.promise("interpals-24", "paltalk02-02")
@pytest.mark.parametrize("brand", OPT_OUT_BRANDS)
async def test_offers_go_unasked_only_where_the_law_is_known_to_allow_it(world: World, brand: str) -> None:
    """An opt-out brand mails nobody unasked in an unknown or unreviewed country, however the country is spelt."""
    assert await offered(world, brand, ASKED_FIRST | NOT_ASKED) == set(NOT_ASKED)


@pytest.mark.promise("interpals-24", "paltalk02-02", "paltalk06-12")
@pytest.mark.parametrize("brand", [*OPT_OUT_BRANDS, "paltalk-2006"])
async def test_who_asked_gets_offers_wherever_they_live(world: World, brand: str) -> None:
    """A confirmed consent of one's own is enough in every country, and where nobody knows the country."""
    people = ASKED_FIRST | NOT_ASKED
    assert await offered(world, brand, people, consenting=True) == set(people)


@pytest.mark.promise("paltalk06-12")
async def test_special_offers_go_to_nobody_who_has_not_asked(world: World) -> None:
    """An opt-in brand sends offers only to people who asked, in every country."""
    assert await offered(world, "paltalk-2006", ASKED_FIRST | NOT_ASKED) == set()


@pytest.mark.promise("interpals-24")
async def test_a_move_to_another_country_holds_from_then_on(world: World) -> None:
    """A correction to a stricter country stops offers, also what is queued; back again they go on."""
    [whose] = await world.known(1, source="sign-up", policy_version="2024")
    for country, gets in (("DE", False), ("US", True), ("BR", False)):
        mailing = await world.accept({"refs": ["user-1"]}, "promotional")
        await rectify_recipient(world.rights, policies()["interpals"], whose, DataCorrection(country=country), "test")
        await world.handover().hand_over_batches(mailing.batches)
        state, reason = (await world.states(mailing.mailing_id))["user-1"]
        assert (state, reason) == (("handed_over", "") if gets else ("suppressed", "no_opt_in")), country


@pytest.mark.promise("interpals-24")
@pytest.mark.parametrize("later", [{}, {"ref": "twin"}, {"ref": "twin", "email": "ada+us@people.example"}])
async def test_no_event_lifts_a_countrys_law(world: World, later: dict[str, str]) -> None:
    """A person who was said to live in Germany is offered nothing because an event says elsewhere, of any account."""
    ada = {**ADA, "email": "ada+de@people.example" if "email" in later else ADA["email"]}
    moved = {**ada, "country": "US", **later}
    for somebody in ({**ada, "country": "DE"}, moved, {**moved, "collected_at": "2020-01-01T00:00:00Z"}):
        assert await told(world, event_of(BRAND, "spring-offer", somebody)) == []
    assert await told(world, event_of(BRAND, "spring-offer", to={"refs": [moved["ref"]]})) == []
    assert (await tell(world, BRAND, "rectify", moved["ref"], country="US"))[0] == 200
    assert len(await told(world, event_of(BRAND, "spring-offer", moved))) == 1


@pytest.mark.promise("interpals-24")
async def test_no_file_lifts_a_countrys_law(world: World, operator: Stack) -> None:
    """A file that names another country adds it to the known ones, and offers nobody anything."""
    await known(world, BRAND, {**ADA, "country": "DE"})
    file = "ref,email,country,source,policy_version\nada,ada@people.example,US,sign-up,2024\n"
    assert (await imports(operator, file))["taken"] == 1
    assert await told(world, event_of(BRAND, "spring-offer", to={"refs": ["ada"]})) == []
    assert await why_not(world) == ("no_opt_in", "promo-basis")


@pytest.mark.promise("interpals-24")
async def test_mandatory_mail_goes_to_every_country(world: World) -> None:
    """A change of the policy reaches people whose country is unknown."""
    await world.known(1, country="AR")
    await world.known(2, country=None)
    arrived = received(plain_event({"refs": ["user-1", "user-2"]}, "policy_change"))
    await world.intake().accept_event_messages("service", [arrived])
    assert sorted(world.processor.recipients) == ["user-1@people.example", "user-2@people.example"]


MARKED: dict[str, tuple[dict[str, Any], str, str]] = {
    "KR": ({"country": "KR"}, "(\uad11\uace0) ", ""),
    "in Korean": ({"country": None, "locale": "ko-KR"}, "(\uad11\uace0) ", ""),
    "in Korean, in Chile": ({"country": "CL", "locale": "ko-KR"}, "", ""),
    "IL": ({"country": "IL"}, "\u05e4\u05e8\u05e1\u05d5\u05de\u05ea: ", ""),
    "SG": ({"country": "sgp"}, "<ADV> ", ""),
    "CN": ({"country": "CN"}, "\u5e7f\u544a ", ""),
    "US": ({"country": "US"}, "", "Advertisement"),
    "UK": ({"country": "UK"}, "", "Advertisement"),
    "FR": ({"country": "RE", "locale": "fr"}, "", "Advertisement"),
    "JP": ({"country": "JP"}, "", ""),
}
"""People, with the label of their offers and the line in them; the line is in the language of the mail."""


@pytest.mark.rule("advertising-marks")
async def test_offers_say_what_they_are_where_the_law_wants_it(world: World) -> None:
    """The subject has its country's label once, and both parts of an offer its line; a newsletter has no line."""
    people = {ref: values for ref, (values, _, _) in MARKED.items()}
    assert await offered(world, "interpals", people, consenting=True) == set(people)
    for mail in world.processor.sent:
        message = read(mail)
        _, label, line = next(said for ref, said in MARKED.items() if mail.recipient == address_of(ref))
        promotes = "offers" in str(message["List-Id"]).lower()
        subject = str(message["Subject"]).removeprefix(label) if label else str(message["Subject"])
        assert str(message["Subject"]) == label + subject
        assert not any(mark and mark in subject for _, mark, _ in MARKED.values())
        for part in parts(message):
            assert ("Advertisement" in part) is (bool(line) and promotes), mail.recipient
