import re
import tomllib
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from mailer import bundled_files
from mailer.policy.category import CATEGORIES
from mailer.policy.policy_file import Policy, PolicyError, parse_policy
from mailer.policy.policy_file_errors import describe_one_pydantic_error
from mailer.policy.policy_library import parse_policies_in_force
from mailer.policy.switches import ORDER, is_weaker
from mailer.policy.toml_lines import line_number_of_key_or_section
from tests.factories import law

FILES = {file.name: file.read_text("utf-8") for file in bundled_files.bundled_folder("policies").glob("*.toml")}
TEXT = FILES["interpals.toml"]
BARE = TEXT.partition("[[promises]]")[0]
"""A policy text without promises, so that its switches can be changed."""
TODAY = date(2026, 6, 1)


def version(name: str, effective: str, **switches: str) -> str:
    """A version of InterPals' policy."""
    text = re.sub(r"^version = .*$", f'version = "{name}"', BARE, count=1, flags=re.MULTILINE)
    text = re.sub(r"^effective = .*$", f"effective = {effective}", text, count=1, flags=re.MULTILINE)
    for switch, value in switches.items():
        text = re.sub(rf"^{switch} = .*$", f'{switch} = "{value}"', text, count=1, flags=re.MULTILINE)
    return text


PROMISED = {
    "interpals": ("interpals", 30),
    "paltalk-2006": ("paltalk06", 32),
    "paltalk-2002": ("paltalk02", 10),
    "peerstream": ("peerstream", 13),
}
"""Names and number of each brand's promises."""


def test_the_shipped_policies_are_good() -> None:
    """Each shipped file is a policy; the default is nobody's, and each promise has a rule or waits."""
    policies = parse_policies_in_force(FILES, TODAY, law())
    assert set(policies) == {"interpals", "paltalk-2006", "paltalk-2002", "peerstream"}
    for brand, (name, number) in PROMISED.items():
        ids = [promise.id for promise in policies[brand].promises]
        assert sorted(ids) == [f"{name}-{n:02}" for n in range(1, number + 1)], brand
    assert all(promise.rules or promise.waits_for for policy in policies.values() for promise in policy.promises)


def test_no_promise_waits() -> None:
    """Every promise of the shipped policies has what it needs."""
    waiting = {
        p.id for policy in parse_policies_in_force(FILES, TODAY, law()).values() for p in policy.promises if p.waits_for
    }
    assert waiting == set()


def test_categories_have_traits_and_senders() -> None:
    """A policy's categories are those of the table, and mandatory mail has a sender of its own."""
    policy = parse_policy(TEXT, "interpals.toml", law())
    assert policy.categories["breach"] is CATEGORIES["breach"]
    assert "business_transition" not in policy.categories
    assert policy.sender_of(CATEGORIES["breach"]) == policy.senders.mandatory
    assert policy.sender_of(CATEGORIES["newsletter"]) == policy.senders.optional


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('brand = "interpals"', 'brand = "Inter Pals"', 'p.toml:2: brand is "Inter Pals"; write lower case letters'),
        ('promo_basis = "opt_out"', 'promo_basis = "x"', 'switches.promo_basis is "x"; write opt_in or opt_out'),
        ("[categories.breach]", "[categories.breach]\ncap = { mails = 1, days = 0 }", "cap.days is 0; write 1 or more"),
        ("[categories.breach]", "[categories.breach]\ncap = { mails = 1, days = 1 }", "cap is for optional mail"),
        (
            "[categories.newsletter]",
            "[categories.newsletter]\nalarm = { mails = 1, days = 1 }",
            "is for mandatory mail",
        ),
        ("[senders]", "[senders", "p.toml:20: is not TOML: "),
        ("[senders]", "[senders]\nreply = 'x'", "senders.reply is no key that belongs here; remove it"),
        ("[[promises]]", "[[promises]]\nid = '", "is not TOML: "),
    ],
)
def test_a_bad_file_is_refused_with_its_place(old: str, new: str, message: str) -> None:
    """A file that cannot be used is refused with its name, the line and the remedy."""
    assert old in TEXT
    with pytest.raises(PolicyError, match=re.escape(message)) as refused:
        parse_policy(TEXT.replace(old, new, 1), "p.toml")
    number = int(str(refused.value).split(":")[1])
    changed = TEXT[: TEXT.index(old)].count("\n") + 1
    assert number in range(changed, changed + 2 + new.count("\n"))


def test_every_fault_is_told_at_once() -> None:
    """All faults of all files are told at once, a line each."""
    broken = BARE.replace('"opt_out"', '"x"').replace("minimum_cell = 20", "minimum_cell = 1")
    with pytest.raises(PolicyError) as refused:
        parse_policies_in_force({"a.toml": broken, "b.toml": "brand ="}, TODAY)
    lines = str(refused.value).splitlines()
    assert [line.split(":")[0] for line in lines] == ["a.toml", "a.toml", "b.toml"]


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path of every value in a document, tables and lists included."""
    if path:
        yield path
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, entry in entries:
        yield from leaves(entry, (*path, name))


FULL = (
    FILES["paltalk-2006.toml"]
    + "\n[[partners]]\nid='p'\nname='P'\ncontract='c'\nsince=2020-01-01\n[jurisdictions.US]\n"
)
ODD: tuple[object, ...] = (True, 7, -1, 1.5, float("inf"), "", "odd\n", [], [[1]], {}, {"odd": 1}, date(2020, 1, 1))


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_whatever_is_written_somewhere_has_a_message(odd: object) -> None:
    """Any value in any place is either good or refused with file, line, key and remedy, never with a crash."""
    whole = tomllib.loads(FULL)
    for path in list(leaves(whole)):
        inner: Any = whole
        for part in path[:-1]:
            inner = inner[part]
        right, inner[path[-1]] = inner[path[-1]], odd
        try:
            Policy.model_validate(whole)
        except ValueError as error:
            details = error.errors()  # type: ignore[attr-defined]  # pydantic's, which has them
            for detail in details:
                assert re.fullmatch(
                    r"p\.toml:\d+: [\w.\[\]-]+ .+; .+", describe_one_pydantic_error(detail, FULL, "p.toml")
                ), detail
        inner[path[-1]] = right
    assert whole == tomllib.loads(FULL)


def test_a_key_has_its_line() -> None:
    """Lines are found in tables, arrays of tables, below them, and past texts of several lines."""
    text = (
        'a = 1\nb = """\na = 2\n[c]\n"""\n[c]\na = 3\n[[d]]\na = 4\n[[d]]\n"e-f" = [\n  1,\n]\ng.h = 5\n[d.i]\na = 6\n'
    )
    paths: dict[tuple[str | int, ...], int] = {
        ("a",): 1,
        ("c", "a"): 7,
        ("d", 0, "a"): 9,
        ("d", 1): 10,
        ("d", 1, "e-f"): 11,
        ("d", 1, "e-f", 0): 11,
        ("d", 1, "g", "h"): 14,
        ("d", 1, "i", "a"): 16,
        ("c", "missing"): 6,
        ("missing",): 1,
    }
    assert {path: line_number_of_key_or_section(text, path) for path in paths} == paths


@pytest.mark.parametrize("country", [*law().reviewed_countries, "AR"])
@pytest.mark.parametrize("switch", ORDER)
def test_a_policy_is_never_weaker_than_the_floor(country: str, switch: str) -> None:
    """A value weaker than the country's floor is refused at its line; an equal or a stricter one is in force."""
    least = getattr(law().switch_floor(country), switch)
    for value in ORDER[switch]:
        text = f'{TEXT}\n[jurisdictions.{country}]\n{switch} = "{value}"\n'
        if least is not None and is_weaker(switch, value, least):
            with pytest.raises(PolicyError, match=rf"^p\.toml:{len(text.splitlines())}: jurisdictions\.{country}\."):
                parse_policy(text, "p.toml", law())
        else:
            policy = parse_policy(text, "p.toml", law())
            in_force = getattr(policy.strictest_switches_for_person(None, country), switch)
            assert not is_weaker(switch, in_force, value)


def test_the_newest_version_that_has_taken_effect_is_in_force() -> None:
    """The other versions stay beside it. The strictest of both holds for people collected under another one."""
    files = {
        "a.toml": version("2024", "2024-01-01", tracking="off"),
        "b.toml": version("2025", "2025-01-01", promo_basis="opt_in"),
        "c.toml": version("2027", "2027-01-01", partner_mail="never"),
    }
    policy = parse_policies_in_force(files, TODAY, law())["interpals"]
    assert policy.version == "2025"
    assert [policy.knows_versions(name) for name in ("2024", "2025", "2027", "2026", None)] == [
        True,
        True,
        True,
        False,
        True,
    ]
    switches = policy.strictest_switches_for_person("2024", "US")
    assert (switches.tracking, switches.promo_basis) == ("off", "opt_in")
    assert policy.strictest_switches_for_person("2025", "US").tracking == "mailing"
    assert parse_policies_in_force(files, date(2027, 1, 1))["interpals"].version == "2027"


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (version("2024", "2025-01-01"), 'b.toml:3: version is "2024", as in a.toml; give each version of interpals'),
        (version("2025", "2024-01-01"), "b.toml:4: effective is 2024-01-01, as in a.toml; let each version of"),
    ],
)
def test_versions_differ(other: str, message: str) -> None:
    """Two files with one version, or with one day, leave open which of them holds."""
    with pytest.raises(PolicyError, match=f"^{re.escape(message)}"):
        parse_policies_in_force({"a.toml": version("2024", "2024-01-01"), "b.toml": other}, TODAY)


def test_a_brand_without_a_version_in_force_is_refused() -> None:
    """A brand whose first policy is yet to come cannot mail, and its file says from when."""
    with pytest.raises(
        PolicyError, match=r"^a\.toml:4: effective is 2027-01-01, and no version of interpals is in force"
    ):
        parse_policies_in_force({"a.toml": version("2027", "2027-01-01")}, TODAY)


def test_a_copy_has_switches_of_its_own() -> None:
    """A copy with other switches works out their effects anew."""
    policy = parse_policy(TEXT, "p.toml", law())
    assert policy.strictest_switches_for_person(None, "US").promo_basis == "opt_out"
    stricter = policy.model_copy(update={"switches": policy.switches.model_copy(update={"promo_basis": "opt_in"})})
    assert stricter.strictest_switches_for_person(None, "US").promo_basis == "opt_in"
    assert policy.strictest_switches_for_person(None, "US").promo_basis == "opt_out"


def test_processors_and_partners_are_dated() -> None:
    """An entry holds from its first day to its last, both included."""
    relay = parse_policies_in_force(FILES, TODAY, law())["peerstream"].processors[0]
    days = (date(2015, 12, 31), date(2016, 1, 1), date(2024, 12, 31), date(2025, 1, 1))
    assert [relay.is_in_force_on(day) for day in days] == [False, True, True, False]
    policy = parse_policies_in_force(FILES, TODAY, law())["interpals"]
    assert policy.find_partner_on_day("penpal-shop", date(2024, 2, 29)) is None
    assert policy.find_partner_on_day("penpal-shop", date(2024, 3, 1)) is not None


def test_the_fence_is_read_in_lower_case() -> None:
    """The rule compares in lower case, so the fence is kept so."""
    document: dict[str, Any] = tomllib.loads(TEXT) | {"only_deliver_to": ["Ada@X.example", "@QA.example"]}
    assert Policy.model_validate(document).only_deliver_to == ("ada@x.example", "@qa.example")


def test_mandatory_is_not_optional() -> None:
    """Every category is one or the other, and only the breach needs a release and falls back to writing."""
    assert all(category.mandatory is not category.is_optional for category in CATEGORIES.values())
    assert [category.name for category in CATEGORIES.values() if category.needs_release] == ["breach"]
    assert [category.name for category in CATEGORIES.values() if category.written_fallback] == ["breach"]
    assert {category.name for category in CATEGORIES.values() if category.is_optional} == {
        "newsletter",
        "promotional",
        "updates",
        "notification",
        "invitation",
        "partner",
    }
