"""docs/policies.md is true: it has every key, switch and floor, and its examples say what they are said to say."""

import re
import string
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from pydantic import BaseModel

from mailer.policy.jurisdiction import LawByCountry, parse_jurisdiction
from mailer.policy.policy_file import Policy, PolicyError, parse_policy
from mailer.policy.policy_file_errors import MESSAGES
from mailer.policy.policy_key_types import FrequencyCap
from mailer.policy.policy_library import parse_policies_in_force
from mailer.policy.policy_sections import CategoryTerms, Controller, PrivacySealProgrammeContact, Senders, SendingHours
from mailer.policy.promise import Promise, PromiseNeeds, PromiseNeedsFromCategory
from mailer.policy.recipient_attributes import RecipientAttribute
from mailer.policy.sending_hours import now_or_next_opening, time_zones_of_country
from mailer.policy.soft_bounces import SoftBounceTerms
from mailer.policy.switches import ORDER, SwitchFloor
from mailer.policy.third_parties import Partner, PermittedProcessor
from mailer.policy.version_changes import GivenVersionNotice

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "policies.md").read_text("utf-8")
DEFAULT = (ROOT / "policies" / "default.toml").read_text("utf-8").replace('"default"', '"my-brand"', 1)
TODAY = date(2026, 6, 1)
JAPAN = (ROOT / "jurisdictions" / "jp.toml").read_text("utf-8")
ELSEWHERE = LawByCountry(
    [parse_jurisdiction(JAPAN.replace('"Japan"', '"Elsewhere"').replace("value = 30\n", "value = 400\n"), "xx.toml")]
)
ERRORS = re.findall(
    r"^```toml\n(.*?)^```\n\n```text\n(.*?)^```", PAGE.partition("## Errors")[2], re.MULTILINE | re.DOTALL
)


def section(title: str) -> str:
    """The text under a heading, without the sections below it."""
    return re.split(r"^#+ ", PAGE.partition(f"# {title}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def sections(text: str) -> Iterator[tuple[str, list[str]]]:
    """The sections of a TOML file as written: header, and the lines under it."""
    header, lines = "", list[str]()
    for line in text.splitlines():
        if re.match(r"\[|# \[", line):
            yield header, lines
            header, lines = line, []
        else:
            lines.append(line)
    yield header, lines


def key(line: str) -> str:
    """The key of a line, in a comment or not; the line itself if it has none."""
    return line.removeprefix("# ").partition(" =")[0]


def patched(patch: str) -> str:
    """The default with the lines of a patch in the place of those of the same name, or added to their section."""
    written = [[header, *lines] for header, lines in sections(DEFAULT)]
    for header, lines in sections(patch):
        bare = header.removeprefix("# ")
        found = next((part for part in written if part[0] == bare), None)
        if found is None:
            written.append([header, *lines])
        elif header != bare:
            found[:] = []  # the patch takes the whole section away
        else:
            for line in lines:
                place = next((n for n, old in enumerate(found) if " = " in old and key(old) == key(line)), None)
                if place is None:
                    found.insert(1, line)
                else:
                    found[place] = line
    return "\n".join(line for part in written for line in part)[1:]  # what stands above all sections has no header


def provoked(patch: str, message: str) -> str:
    """The error for which the patched default is refused. A message about a second file needs the default beside it."""
    texts = {"my-brand.toml": patched(patch)}
    if "my-brand-2.toml" in message:
        texts = {"my-brand.toml": DEFAULT, "my-brand-2.toml": patched(patch)}
    with pytest.raises(PolicyError) as refused:
        parse_policies_in_force(texts, TODAY, ELSEWHERE if "Elsewhere" in message else None)
    return str(refused.value)


@pytest.mark.parametrize(("patch", "message"), ERRORS, ids=[message.split()[0] for _, message in ERRORS])
def test_every_error_is_what_the_page_says(patch: str, message: str) -> None:
    """An example of the page is refused with the very message that stands below it, line and remedy included."""
    assert provoked(patch, message) == message.rstrip("\n")


def test_every_error_is_on_the_page() -> None:
    """Each kind of message that the code has is provoked by an example."""
    for kind, template in MESSAGES.items():
        parts = string.Formatter().parse(template)
        said = "".join(re.escape(text) + ("" if field is None else ".+") for text, field, *_ in parts)
        assert any(re.fullmatch(rf"\S+:\d+: (\S+ )?{said}\n", message) for _, message in ERRORS), kind


def test_every_key_is_on_the_page() -> None:
    """Each key of a policy file is explained."""
    for model in (
        Controller,
        Senders,
        FrequencyCap,
        SendingHours,
        SoftBounceTerms,
        RecipientAttribute,
        CategoryTerms,
        PermittedProcessor,
        Partner,
        Promise,
        PrivacySealProgrammeContact,
        GivenVersionNotice,
    ):
        for field, info in model.model_fields.items():
            name = info.alias or field
            assert re.search(rf"`{name}`|\b{name} =", section("Keys")), f"{model.__name__}.{name}"
    rows = re.findall(r"^\| `(\w+)` \|", section("Keys"), re.MULTILINE)
    sections_ = re.findall(r"^\*\*`\[+(\w+)", section("Keys"), re.MULTILINE)
    names = {field.alias or name for name, field in Policy.model_fields.items()}
    assert {*rows, *sections_, "switches", "jurisdictions"} == names


def test_every_need_is_on_the_page() -> None:
    """Each need has its row, and the example can be used."""
    said = section("Needs")
    rows = "".join(re.findall(r"^\| (`.+?) \|", said, re.MULTILINE))
    assert set(re.findall(r"`(\w+)`", rows)) == set(PromiseNeeds.model_fields)
    assert all(f"`{name}`" in said for name in PromiseNeedsFromCategory.model_fields)
    (example,) = re.findall(r"^```toml\n(.*?)^```", said, re.MULTILINE | re.DOTALL)
    (promise,) = parse_policy(patched(example), "my-brand.toml").promises
    assert promise.needs.categories == {"newsletter": PromiseNeedsFromCategory(confirmed=True)}
    with pytest.raises(PolicyError, match=r"categories\.newsletter\.confirmed is false, and my-brand-02"):
        parse_policy(patched(f"{example}\n[categories.newsletter]\nconfirmed = false\n"), "my-brand.toml")


def test_every_default_is_the_documented_one() -> None:
    """A required key is called so, and a default that is a number stands in its row."""
    for name, left_out in re.findall(r"^\| `(\w+)` \|.*\| (.+) \|$", section("Keys"), re.MULTILINE):
        field = Policy.model_fields[name]
        assert field.is_required() == (left_out == "required"), name
        if isinstance(field.default, int):
            assert left_out.strip("`") == str(field.default).lower(), name


@pytest.mark.parametrize("switch", ORDER)
def test_every_switch_is_on_the_page(switch: str) -> None:
    """A switch stands there with its order and an example that can be used."""
    said = section(switch)
    assert f"Strictest first: {', '.join(f'`{value}`' for value in ORDER[switch])}." in said
    (example,) = re.findall(r"^```toml\n(.*?)^```", said, re.MULTILINE | re.DOTALL)
    policy = parse_policy(patched(example), "my-brand.toml")
    assert f'{switch} = "{getattr(policy.switches, switch)}"' in example


def test_the_floor_of_the_page() -> None:
    """A policy may be stricter than the law, as the example is."""
    (example,) = re.findall(r"^```toml\n(.*?)^```", section("Jurisdictions"), re.MULTILINE | re.DOTALL)
    assert parse_policy(patched(example), "my-brand.toml").jurisdictions == {"DE": SwitchFloor(tracking="off")}


def test_the_hours_of_the_page() -> None:
    """The example can be used, and has the hours in the USA that the page says it has."""
    (example,) = re.findall(r"^```toml\n(.*?)^```", section("Keys"), re.MULTILINE | re.DOTALL)
    hours = parse_policy(patched(example), "my-brand.toml").hours
    assert hours is not None
    day = datetime(2026, 12, 1, tzinfo=UTC)
    within = [
        hour
        for hour in range(24)
        if (at := day.replace(hour=hour))
        == now_or_next_opening(*hours.opening_and_closing, time_zones_of_country("US"), at)
    ]
    assert within == [0, 1, *range(18, 24)]
    assert "from 18:00 to 2:00 UTC in winter" in section("Keys")


def test_the_default_is_the_strictest() -> None:
    """Every switch of the model for new brands stands on its strictest value, and every key of it is used."""
    policy: BaseModel = parse_policy(DEFAULT, "my-brand.toml").switches
    assert policy.model_dump() == {switch: values[0] for switch, values in ORDER.items()}
