"""Files of people, of suppressions and of consents, in any order and beside events: the strictest value holds."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import permutations

import pytest

from mailer.actions.importing.table_reading import read_table
from mailer.actions.recipient_import import ImportCounts, import_recipients
from mailer.actions.suppression_and_consent_import import import_consents_from_json_lines, import_suppression_file
from tests.factories import BRAND, World, person, policies

POLICY = policies()[BRAND]
PEOPLE = ("plain", "objector", "listed", "restricted", "leaver", "withdrawer", "closed")
"""People with different facts: none; an objection, by a column or a list; a restriction; and so on."""
PROOF = "page,form 1,2026-01-01T00:00:00Z,Yes write to me."
MAILS = {
    "plain": ("handed_over", ""),
    "objector": ("suppressed", "objected"),
    "listed": ("suppressed", "objected"),
    "restricted": ("suppressed", "restricted"),
    "leaver": ("suppressed", "opted_out"),
    "withdrawer": ("suppressed", "opted_out"),
    "closed": ("suppressed", "deactivated"),
}
"""The state of a newsletter to each person, in any order of the files."""


async def consented(world: World) -> ImportCounts:
    """The file of people. Each of them has asked for the newsletter."""
    head = (
        "ref,email,country,source,consents,consent_source,consent_version,consent_at,consent_words,"
        "objected,restricted\n"
    )
    lines = [f"{ref},{ref}@people.example,US,sign-up,newsletter,{PROOF},,no\n" for ref in PEOPLE]
    return await read_people(world, [head, *lines])


async def marked(world: World) -> ImportCounts:
    """The file of people with what they have refused; one of them twice, and only once so."""
    head = "ref,email,objected,restricted,deactivated\n"
    lines = ("objector,,yes,,\n", "objector,,no,,\n", "restricted,,,yes,\n", "closed,,,,yes\n")
    return await read_people(
        world, [head, *(line.replace(",", f",{line.split(',')[0]}@people.example", 1) for line in lines)]
    )


async def suppressed(world: World) -> ImportCounts:
    """The list of addresses that another system may not mail, one of them in capitals."""
    lines = ("email,scope,reason\n", "LISTED@people.example,,objection\n", "leaver@people.example,newsletter,\n")
    return await import_suppression_file(world.suppressions, POLICY, lines, print)


async def told(world: World) -> ImportCounts:
    """The consents of another system, one line of which takes back what another gives."""
    lines = [
        f'{{"ref": "{ref}", "scope": "newsletter", "given": {given}, "source": "page", "version": "form 2",'
        f' "words": "Yes, write to me.", "at": "2026-0{month}-01T00:00:00Z"}}'
        for ref, given, month in (*((ref, "true", 3) for ref in PEOPLE), ("withdrawer", "false", 2))
    ]
    return await import_consents_from_json_lines(world.consents, POLICY, lines, print)


async def read_people(world: World, lines: list[str]) -> ImportCounts:
    """Imports lines of people."""
    return await import_recipients(world.importer(), POLICY, read_table("".join(lines).encode()), print, lambda _: None)


async def known(world: World) -> None:
    """An event that names all of them anew, and mails nobody."""
    accepted = await world.accept([person(0, ref=ref, email=f"{ref}@people.example") for ref in PEOPLE])
    await world.drop(accepted.mailing_id)


FILES: tuple[Callable[[World], Awaitable[ImportCounts]], ...] = (consented, marked, suppressed, told)


@pytest.mark.promise("interpals-13")
async def test_files_in_any_order_say_the_same(world: World) -> None:
    """Four files in each order, and all at once beside events, give one result. Only people who asked are mailed."""
    for order in (*[[*files] for files in permutations(FILES)][::5], None):
        await world.pool.execute("TRUNCATE recipients, standings, suppressions, consents, deliveries, mailings CASCADE")
        await known(world)
        if order is None:
            done = await asyncio.gather(*(read(world) for read in FILES), known(world), known(world))
        else:
            done = [await read(world) for read in order]
            await known(world)
        assert sum(one.rejected for one in done if one) == 0
        accepted = await world.accept({"refs": list(PEOPLE)})
        await world.handover().hand_over_batches(accepted.batches)
        assert await world.states(accepted.mailing_id) == MAILS, order


async def test_an_objection_of_a_file_is_on_record_and_holds_for_the_controller(world: World) -> None:
    """An objection stands in the ledger, and no list gives it a scope or an end."""
    await consented(world)
    await marked(world)
    reasons = [(entry["reason"], entry["category"]) for entry in await world.entries(kind="action")]
    assert reasons.count(("objection", "*")) == 1
    assert reasons.count(("restricted", None)) == 1
    rejected: list[str] = []
    lines = (
        "email,scope,reason,expires_at\n",
        "a@b.example,newsletter,objection,\n",
        "a@b.example,,objection,2099-01-01T00:00:00Z\n",
    )
    done = await import_suppression_file(world.suppressions, POLICY, lines, lambda line: rejected.append(line.reason))
    assert (done.taken, done.rejected) == (0, 2)
    assert {"does not expire" in reason for reason in rejected} == {True}
    [brand] = {
        row["brand"] for row in await world.pool.fetch("SELECT brand FROM suppressions WHERE reason = 'objection'")
    }
    assert brand is None
