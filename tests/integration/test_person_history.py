"""The history of a person, page by page, and the entries of the ledger that a look-up makes."""

import re
from datetime import UTC, datetime
from typing import Any

from mailer.actions.acts_on_person import OrderedActOnPerson, PersonActName, act_on_person
from mailer.actions.people_look_up import look_people_up, read_page_of_person_history, read_person_overview
from mailer.actions.person_history import HistoryLine, history_in_words, mailings_named_by_suppressions
from mailer.actions.privacy_rights import read_personal_data
from mailer.policy.publisher_and_staff_identity import Identity
from mailer.ports.broker import BrokerMessage
from mailer.ports.consents import Consent
from mailer.ports.pending_requests import PendingRequest
from mailer.ports.person_history import AccessInterface, AccessorAndReason, ListedRecipient
from mailer.ports.suppressions import NewSuppression
from tests.factories import BRAND, World

DANA = AccessorAndReason(Identity.parse_identity("person:Dana"), AccessInterface.CONSOLE, "192.0.2.0/24", "ticket 7")


async def found(world: World, text: str, brand: str = BRAND) -> ListedRecipient:
    """The one person who is found."""
    [one] = await look_people_up(world.people, [brand], text, DANA)
    return one


async def told(world: World, person: ListedRecipient, limit: int = 25) -> list[HistoryLine]:
    """The whole history, read in pages."""
    lines: list[HistoryLine] = []
    before = None
    while True:
        page = await read_page_of_person_history(world.people, person, before, limit)
        names = await world.people.directory.read_template_names(mailings_named_by_suppressions(page))
        lines += history_in_words(page.items, world.policies[person.brand], names)
        before = page.next
        if before is None:
            return lines


async def access_entries(world: World) -> list[dict[str, Any]]:
    """The entries of look-ups and acts, oldest first."""
    return [entry async for entry in world.ledger.iterate_entries() if entry["kind"] == "access"]


async def test_a_history_has_all_that_is_known(world: World) -> None:
    """A history has sent and unsent mail with its rule, a proven consent, an opt-out, a change and the look-ups."""
    [ada] = await world.known(1)
    sent = await world.accept([{"ref": "user-1", "email": "user-1@people.example"}], "newsletter")
    await world.handover().hand_over_batches(sent.batches)
    said = Consent("newsletter", True, "page", "1", "Yes, write to me.", "recipient", datetime.now(UTC), "form 8")
    await world.consents.record_consent_or_withdrawal(BRAND, ada, said)
    await world.standings.record_opt_out(BRAND, ada, "newsletter", "page")
    unsent = await world.accept([{"ref": "user-1", "email": "user-1@people.example"}], "newsletter")
    await world.handover().hand_over_batches(unsent.batches)
    person = await found(world, "User-1@People.example")
    order = OrderedActOnPerson(PersonActName.RESTRICT, "order-1", {})
    await act_on_person(world.people, world.policies[BRAND], person, order, DANA)
    lines = await told(world, person)
    assert lines == await told(world, person, 2)
    assert [line.at for line in lines] == sorted((line.at for line in lines), reverse=True)
    assert [(line.kind, re.split(r" on \d+ \w{3} 20", line.title)[0]) for line in lines] == [
        ("access", "Ordered: restrict, by Dana (console)"),
        ("change", "Processing was restricted"),
        ("access", "Looked up by Dana (console)"),
        ("mail-not-sent", "Newsletter mail “weekly” was not sent: suppressed"),
        ("change", "Left newsletter mail"),
        ("consent", "Consented to newsletter"),
        ("mail-sent", "Newsletter mail “weekly” was sent"),
    ]
    assert "who left its category" in lines[3].details[0]
    assert "(rule opt-out, policy 2024)" in lines[3].details[0]
    assert "proof: form 8" in lines[5].title
    assert lines[5].details == ("The words that were shown: “Yes, write to me.”",)
    assert "Links in it: unsubscribe, preferences, report" in lines[6].details[1]
    shown = await read_person_overview(world.people, person)
    assert (shown.standing.restricted, [stop.reason for stop in shown.stops]) == (True, ["opt_out"])


async def test_the_copy_tells_of_look_ups_and_of_no_secret_hold(world: World) -> None:
    """The time of each look, without the words of staff; a hold that the person may not know of is not told at all."""
    await world.known(1)
    person, policy = await found(world, "user-1"), world.policies[BRAND]
    hold = OrderedActOnPerson(PersonActName.HOLD, "order-1", {"reference": "Case 7/26"})
    await act_on_person(world.people, policy, person, hold, DANA)
    lift = OrderedActOnPerson(PersonActName.LIFT_HOLD, "order-2", {"reference": "Case 7/26"})
    await act_on_person(world.people, policy, person, lift, DANA)
    copy = await read_personal_data(world.rights, policy, person.id, datetime.now(UTC))
    assert [(entry["kind"], entry["reason"]) for entry in copy["entries"]] == [("access", "looked-up")]
    for secret in ("Case 7", "hold", "ticket", "Dana", "192.0.2"):
        assert secret not in str(copy["entries"])
    assert "Case 7" not in str(copy)
    assert [entry["reason"] for entry in await access_entries(world)] == ["looked-up", "acted", "acted"]


async def test_an_address_brings_its_suppressions_along(world: World) -> None:
    """A suppression from before the person was known is in the history once. So is a request with its link."""
    left = NewSuppression("newsletter", "opt_out", "letter", "person:Grace")
    await world.suppressions.suppress_addresses(BRAND, BRAND, [("user-1@people.example", left)])
    [ada] = await world.known(1)
    wish = PendingRequest("promotional", "2024", "Yes, send me offers.", datetime.now(UTC))
    await world.wishes.store_wishes_and_ask_to_confirm(
        BRAND, ada, [wish], lambda mail: BrokerMessage(b"{}", f"{BRAND}.rights", str(mail.id))
    )
    lines = await told(world, await found(world, "user-1"))
    assert [line.kind for line in lines] == ["access", "request", "suppression"]
    assert lines[1].title.startswith("Asked for promotional mail")
    assert "The link was not used; it works until" in lines[1].details[1]
    assert lines[2].title.startswith("Left newsletter mail on ")
    await world.standings.record_opt_out(BRAND, ada, "newsletter", "page")
    assert [line.kind for line in await told(world, await found(world, "user-1"))].count("suppression") == 0
