"""The pages of segments and lists: the form without JavaScript, its JSON, counts with their age, and masked people."""

import re
from typing import Any

import pytest

from mailer.policy.segment_parsing import parse_condition
from mailer.policy.staff_rights import RoleAtBrand, StaffRole
from mailer.web.console.segment_form import condition_of_form, form_of_condition
from tests.factories import BRAND, World
from tests.integration.console_browser import open_browser
from tests.integration.test_console_people import OTHER, accesses
from tests.segments import policy_with_attributes
from tests.staff import ROOT

ON, LISTS = f"/console/segments/{BRAND}", f"/console/lists/{BRAND}"
PLUS = {"type": "attribute", "name": "plan", "operator": "is", "values": ["Plus"]}
SCRIPT = "<script>alert(1)</script>"


def row(n: int, m: int, fact: str, operator: str, value: str) -> dict[str, str]:
    """The fields of a row."""
    place = f"g{n}r{m}"
    return {f"{place}-fact": fact, f"{place}-operator": operator, f"{place}-value": value}


async def test_segment_is_written_without_javascript(world: World) -> None:
    """A marketer adds rows and a group, reads the sentence, saves, and sees the count; a wrong row is named."""
    world.policies[BRAND] = policy_with_attributes()
    await world.known(1, 2, 3)
    await world.pool.execute("UPDATE recipients SET country = 'DE' WHERE ref <> 'user-3'")
    await world.pool.execute(
        "INSERT INTO recipient_attributes SELECT id, brand, $1 FROM recipients WHERE ref = 'user-1'", {"plan": "Plus"}
    )
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.MARKETER)
        new = f"{ON}/_new"
        page = await browser.open(new)
        assert page.text.count('-fact" name') == 3
        form = {"name": "plus-in-germany", "match": "all", "g0-match": "any", "revision": "0"}
        form |= row(0, 0, "country", "is", "de, AT") | row(0, 1, "", "is", "") | row(0, 2, "", "is", "")
        page = await browser.send(new, {**form, "do": "row-0"}, new)
        assert page.text.count('-fact" name') == 4
        page = await browser.send(new, {**form, "do": "group"}, new)
        assert (page.text.count('-match" name'), 'value="de, AT"' in page.text) == (2, True)
        form |= {"g1-match": "all", "g1-not": "1"} | row(1, 0, "attribute:plan", "is_not", "Plus")
        page = await browser.send(new, {**form, "do": "show"}, new)
        sentence = "People in Germany or Austria except those (whose plan is not Plus (or is not known))."
        assert sentence in page.text
        for wrong, words in (
            (row(1, 0, "attribute:visits", "begins_with", "1"), "visits is a number, and begins_with is not for it"),
            (row(1, 0, "known_since", "before", "soon"), "group 2, row 1: known_since: value: is no day"),
            (row(1, 0, "list", "is_on", "segment:other"), "a segment names lists"),
            (row(1, 0, "mail", "opened", "spring"), "does not record who opens"),
            (row(1, 0, "nonsense", "is", SCRIPT), "does not match any of the expected tags"),
            (row(1, 0, "country", "is; DROP", "DE"), "country.operator"),
            ({"name": "Not A Name"}, "name: is none"),
        ):
            page = await browser.send(new, {**form, **wrong, "do": "save"}, new)
            assert (page.status_code, words in page.text.replace("&#39;", "'")) == (422, True), page.text
            assert SCRIPT not in page.text
        page = await browser.send(new, {**form, "do": "save"}, new)
        assert page.headers["location"].endswith(f"{ON}/plus-in-germany")
        page = await browser.open(f"{ON}/plus-in-germany")
        assert re.search(r"1 person, counted (just now|\d+ seconds? ago)", page.text)
        assert "person:Dana Duty" in page.text
        assert "plus-in-germany" in (await browser.open(f"/console/segments?brand={BRAND}")).text
        page = await browser.open(f"{ON}/plus-in-germany/edit")
        assert 'value="DE; AT"' in page.text
        assert "checked" in page.text


async def test_two_people_edit_one_segment(world: World) -> None:
    """A second person who saves an older revision is told, keeps what they typed, and changes nothing."""
    world.policies[BRAND] = policy_with_attributes()
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.MARKETER)
        new, edit = f"{ON}/_new", f"{ON}/us/edit"
        await browser.send(new, {"name": "us", "do": "save", "json": '{"type": "country", "values": ["US"]}'}, new)
        second = {"revision": "1", "g0-match": "all", "do": "save"} | row(0, 0, "country", "is", "FR")
        assert (await browser.send(edit, second | row(0, 0, "country", "is", "JP"), edit)).status_code == 303
        page = await browser.send(edit, second, edit)
        assert (page.status_code, "somebody has saved it" in page.text, 'value="FR"' in page.text) == (422, True, True)
        assert "People in Japan." in (await browser.open(f"{ON}/us")).text
        again = await browser.send(new, {"name": "us", "revision": "0", "do": "save"} | second | {"revision": "0"}, new)
        assert "somebody has saved it" in again.text


async def test_condition_that_is_deeper_than_the_form(world: World) -> None:
    """A deeper condition is written as JSON; JSON that is none, or hundreds of negations deep, is refused."""
    deep = '{"type": "not", "condition": {"type": "not", "condition": {"type": "country", "values": ["US"]}}}'
    nots = 300
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.MARKETER)
        new = f"{ON}/_new"
        for json, words in (
            ('{"type":"not","condition":' * nots + "1" + "}" * nots, "deep"),
            ("[" * 15_000, "not JSON"),
            ('{"type": "country", "type": "locale"}', "twice"),
            ("People in Germany", "not JSON"),
            ('{"type": "source", "values": ["\\u0000"]}', "source.values.0"),
        ):
            page = await browser.send(new, {"name": "deep", "do": "save", "json": json}, new)
            assert (page.status_code, words in page.text) == (422, True), words
        page = await browser.send(new, {"name": "deep", "do": "save", "json": deep}, new)
        assert page.status_code == 303
        page = await browser.open(f"{ON}/deep/edit")
        assert "deeper than the form" in page.text
        assert "&#34;not&#34;" in page.text


async def test_people_are_masked(world: World) -> None:
    """A marketer sees masked addresses. Who may read people gives a reason, sees them, and each look is on record."""
    [ada, _] = await world.known(1, 2)
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.MARKETER)
        new, people = f"{ON}/_new", f"{ON}/us/people"
        await browser.send(new, {"name": "us", "do": "save", "json": '{"type": "country", "values": ["US"]}'}, new)
        page = await browser.open(people)
        assert ("u…@p….example" in page.text, "user-1" in page.text) == (True, False)
        assert (await browser.send(people, {"reason": "x"}, people)).status_code == 403
        assert await accesses(world, "looked-up") == []
    async with open_browser(world) as browser:
        member = await browser.enter(name="Eli", role=StaffRole.MARKETER)
        roles = [RoleAtBrand(role) for role in (StaffRole.MARKETER, StaffRole.SUPPORT)]
        await world.staff.directory.replace_roles(member, roles, ROOT)
        refused = await browser.send(people, {"reason": " "}, people)
        assert (refused.status_code, "user-1@people.example" in refused.text) == (422, False)
        page = await browser.send(people, {"reason": "a check of the spring offer"}, people)
        assert "user-1@people.example" in page.text
    looks = await accesses(world, "looked-up")
    assert len(looks) == 2
    assert ada in {one["recipient"] for one in looks}


async def test_frozen_list_and_removal(world: World) -> None:
    """A segment is frozen to a list. People are ticked off it, or named by ref."""
    ids = await world.known(1, 2, 3)
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.MARKETER)
        new = f"{ON}/_new"
        await browser.send(new, {"name": "us", "do": "save", "json": '{"type": "country", "values": ["US"]}'}, new)
        wrong = await browser.send(f"{ON}/us/freeze", {"list": "No!"}, f"{ON}/us")
        assert (wrong.status_code, "List is no name" in wrong.text) == (422, True)
        done = await browser.send(f"{ON}/us/freeze", {"list": "june"}, f"{ON}/us")
        assert done.headers["location"].endswith(f"{LISTS}/june")
        again = await browser.send(f"{ON}/us/freeze", {"list": "june"}, f"{ON}/us")
        assert "has a list &#39;june&#39; already" in again.text
        assert "the segment us" in (await browser.open(f"/console/lists?brand={BRAND}")).text
        page = await browser.open(f"{LISTS}/june")
        assert ("3 people" in page.text, "user-1" in page.text, "u…@p….example" in page.text) == (True, False, True)
        nobody = await browser.send(f"{LISTS}/june/remove", {"ref": "nobody"}, f"{LISTS}/june")
        assert (nobody.status_code, "Ref is of nobody" in nobody.text) == (422, True)
        await browser.send(f"{LISTS}/june/remove", {"person": str(ids[0]), "ref": "user-2"}, f"{LISTS}/june")
        assert "1 person" in (await browser.open(f"{LISTS}/june")).text
        await browser.send(f"{LISTS}/june/count", {}, f"{LISTS}/june")
        assert "Segments that name it" in (await browser.open(f"{LISTS}/june/delete")).text
        await browser.send(f"{LISTS}/june/delete", {}, f"{LISTS}/june/delete")
        assert (await browser.open(f"{LISTS}/june")).status_code == 404


async def test_deletion_warns_of_drafts(world: World) -> None:
    """The page of a deletion names the drafts that cannot be sent without the segment; then it is gone."""
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.MARKETER)
        new = f"{ON}/_new"
        await browser.send(new, {"name": "us", "do": "save", "json": '{"type": "country", "values": ["US"]}'}, new)
        await world.pool.execute(
            "INSERT INTO campaigns (id, brand, name, draft, created_by, updated_by)"
            " VALUES (gen_random_uuid(), $1, 'Spring <b>offer</b>', $2, 'Ada', 'Ada')",
            *(BRAND, {"audience": "segment:us"}),
        )
        page = await browser.open(f"{ON}/us/delete")
        assert "Spring &lt;b&gt;offer&lt;/b&gt;" in page.text
        await browser.send(f"{ON}/us/delete", {}, f"{ON}/us/delete")
        assert (await browser.open(f"{ON}/us")).status_code == 404


async def test_segment_of_another_brand_is_not_shown(world: World) -> None:
    """A marketer of one brand gets the same answer for another brand's segment and for none."""
    await world.pool.execute(
        "INSERT INTO segments (brand, name, condition, created_by, updated_by) VALUES ($1, 'us', $2, 'Ada', 'Ada')",
        *(OTHER, {"type": "country", "values": ["US"]}),
    )
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.MARKETER, brand=BRAND)
        assert (await browser.open(f"{ON}/us")).status_code == 404
        assert (await browser.open(f"/console/segments/{OTHER}/us")).status_code == 403
        assert (await browser.open(f"/console/segments?brand={OTHER}")).status_code == 403


async def test_segment_that_cannot_be_used_says_why(world: World) -> None:
    """A segment over an attribute that is gone is listed with the reason, and cannot be counted."""
    world.policies[BRAND] = policy_with_attributes(attributes={})
    for name, condition in (("plus", PLUS), ("odd", {"type": "gone"})):
        await world.pool.execute(
            "INSERT INTO segments (brand, name, condition, created_by, updated_by) VALUES ($1, $2, $3, 'Ada', 'Ada')",
            *(BRAND, name, condition),
        )
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.MARKETER)
        assert "plan is no attribute of the policy" in (await browser.open(ON)).text
        page = await browser.send(f"{ON}/plus/count", {}, f"{ON}/plus")
        assert (page.status_code, "not counted yet" in page.text) == (422, True)
        assert (await browser.open(f"{ON}/odd/edit")).status_code == 200


@pytest.mark.parametrize(
    "plain",
    [
        PLUS,
        {"type": "not", "condition": PLUS},
        {"type": "any", "conditions": [PLUS, {"type": "locale", "operator": "is_known", "values": []}]},
        {"type": "attribute", "name": "visits", "operator": "is", "values": [12, 2.5]},
        {"type": "attribute", "name": "is_member", "operator": "is", "values": [True]},
        {
            "type": "all",
            "conditions": [
                {"type": "any", "conditions": [PLUS, {"type": "list", "operator": "is_on", "name": "vip"}]},
                {"type": "not", "condition": {"type": "mail", "operator": "got", "campaign": "spring"}},
                {"type": "known_since", "operator": "in_last_days", "value": "30"},
            ],
        },
    ],
)
def test_form_shows_condition_and_reads_it_again(plain: Any) -> None:
    """A condition that the form can show is the same when its rows are read again, apart from the types of values."""
    form = form_of_condition(parse_condition(plain))
    assert form is not None
    assert form_of_condition(condition_of_form(form)) == form


@pytest.mark.parametrize(
    "plain",
    [
        {"type": "not", "condition": {"type": "not", "condition": PLUS}},
        {"type": "attribute", "name": "plan", "operator": "is", "values": ["Plus; Free"]},
        {
            "type": "any",
            "conditions": [{"type": "all", "conditions": [{"type": "any", "conditions": [PLUS, PLUS]}, PLUS]}],
        },
        {"type": "all", "conditions": [PLUS] * 13},
    ],
)
def test_form_does_not_show_what_it_would_change(plain: Any) -> None:
    """A condition that the form cannot write is left to its JSON, so that saving the form never changes it."""
    assert form_of_condition(parse_condition(plain)) is None
