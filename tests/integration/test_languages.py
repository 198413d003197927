"""Texts by language, as operators see them."""

from pathlib import Path

from tests.campaigns import commands
from tests.factories import World, person


async def test_a_mailing_says_which_languages_its_texts_lack(world: World, tmp_path: Path, database_url: str) -> None:
    """The mailing names the readers who will get another language, before and while a second person releases it."""
    contact = {"en": "privacy@interpals.example", "DE": "datenschutz@interpals.example"}
    context = {"happened_on": "2026-02-11", "found_on": "2026-02-14", "contact": contact}
    accepted = await world.accept([person(1, locale="ar")], "breach", context=context)
    operator, id_ = commands(tmp_path, database_url), str(accepted.mailing_id)
    note = "context.contact lacks ar: who reads that gets the whole mail in en"
    shown = (await operator.done("mailing", "show", id_, "--json")).json
    assert (shown["state"], shown["lacks"]) == ("awaiting_release", [note])
    assert f"note: {note}" in " ".join((await operator.done("mailing", "show", id_)).out.split())
    released = (await operator.done("mailing", "approve", id_, "--by", "Grace")).out
    assert f"note: {note} Released by Grace." in " ".join(released.split())
    await world.timekeeper().run_all_steps_once()
    await world.run_published()
    [sent] = world.processor.sent
    assert b'lang=3D"en"' in sent.content
    assert contact["en"].encode() in sent.content
