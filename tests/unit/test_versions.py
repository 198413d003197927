"""The versions of a policy that bind a person, by the recorded versions and consents."""

from datetime import UTC, date, datetime

import pytest

from mailer import bundled_files
from mailer.policy.policy_file import Policy, PolicyError, parse_policy
from mailer.policy.policy_versions import describe_versions, versions_at_collection
from mailer.policy.switches import ORDER
from tests.factories import BRAND, policies

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
LAX = {"promo_basis": "opt_out", "service_footer": "none", "service_scope": "any", "partner_mail": "allowed"}


def version(name: str, day: date, purposes: tuple[str, ...] = (), **switches: str) -> Policy:
    """A version of InterPals' policy, with the laxest switches but for these."""
    now = policies()[BRAND]
    said = {**LAX, "tracking": "individual", **switches}
    values = {"version": name, "effective": day, "purposes": ("newsletter", *purposes)}
    return now.model_copy(update={**values, "switches": now.switches.model_copy(update=said)})


OLD = version("2004", date(2004, 1, 1), ("offers",), partner_mail="never")
MIDDLE = version("2014", date(2014, 1, 1), tracking="off")
NEW = version("2024", date(2024, 1, 1), ("offers", "invitation"))
COMING = version("2027", date(2027, 1, 1), ("offers",), service_footer="leave")
POLICY = NEW.with_earlier_versions({earlier.version: earlier for earlier in (OLD, MIDDLE, COMING)})
ALL = ["2004", "2014", "2024", "2027"]


@pytest.mark.parametrize(
    ("said", "bind"),
    [
        ("2024", ["2024"]),
        ("2004", ["2004"]),
        ("2024\n2004", ["2004", "2024"]),
        ("2004\n\t2024", ["2024"]),
        ("2004\n2014\n\t2014", ["2014"]),
        ("2004\n2024\n\t2014", ["2014", "2024"]),
        ("2004\n\t2014\n\t2024", ["2024"]),
        ("lost\n\t2024", ["2024"]),
        ("2004\n\tlost", ["2004"]),
        ("2024\n\t2004", ["2004", "2024"]),
    ],
)
def test_the_versions_that_bind(said: str, bind: list[str]) -> None:
    """Versions that were named bind. A consent to one replaces older ones. Newer ones that were named still bind."""
    assert sorted(found.version for found in POLICY.binding_versions(said)) == bind


@pytest.mark.parametrize("said", [None, "", "lost", "2024\nlost", "\n2024", "other/2024", "\n\tlost"])
def test_what_nobody_knows_is_every_version(said: str | None) -> None:
    """The strictest of all versions holds, switch by switch, for a person without a version that the brand has."""
    assert sorted(found.version for found in POLICY.binding_versions(said)) == ALL
    switches = POLICY.strictest_switches_for_person(said, "US")
    assert (switches.partner_mail, switches.tracking, switches.service_footer) == ("never", "off", "leave")
    assert POLICY.purposes_common_to_binding_versions(said) == {"newsletter"}


def test_no_word_makes_it_laxer() -> None:
    """Each word that is added leaves every switch as strict as before or makes it stricter; only a consent does not."""
    words = (None, *ALL, "lost", "")
    for first in words:
        before = POLICY.strictest_switches_for_person(first, "US")
        for then in words[1:]:
            after = POLICY.strictest_switches_for_person(f"{first or ''}\n{then}", "US")
            for name, order in ORDER.items():
                assert order.index(getattr(after, name)) <= order.index(getattr(before, name)), (first, then, name)
    assert POLICY.strictest_switches_for_person("2004\n\t2024", "US").partner_mail == "allowed"


@pytest.mark.parametrize(
    ("named", "collected_at", "said"),
    [
        (None, None, None),
        ("2024", None, "2024"),
        (None, datetime(2014, 1, 1, tzinfo=UTC), "2014"),
        (None, datetime(2013, 12, 31, 23, 59, tzinfo=UTC), "2004"),
        (None, datetime(2003, 12, 31, tzinfo=UTC), None),
        (None, datetime(2026, 6, 2, tzinfo=UTC), None),
        ("2004", datetime(2025, 1, 1, tzinfo=UTC), "2004"),
        ("2024", datetime(2015, 1, 1, tzinfo=UTC), "2014\n2024"),
        ("2024", datetime(1999, 1, 1, tzinfo=UTC), "\n2024"),
        ("lost", datetime(2015, 1, 1, tzinfo=UTC), "lost"),
    ],
)
def test_the_version_at_the_time_of_collection(named: str | None, collected_at: datetime | None, said: str) -> None:
    """A version that came into force later than the address was collected does not replace the one that was."""
    assert versions_at_collection(POLICY.versions_by_effective_day, named, collected_at, NOW) == said


def test_it_is_said_in_words() -> None:
    """A person reads the versions in one line, with those agreed to."""
    assert describe_versions("\n2004\n\t2024") == "2004, 2024 (agreed to)"
    assert describe_versions(None) is describe_versions("") is None


@pytest.mark.parametrize("name", ["2024 b", "2024/1", "", "v.", "-1", "ü"])
def test_a_version_has_a_name_that_a_scope_can_have(name: str) -> None:
    """Consents name it, so it has letters, digits and single marks between them; a file with another one is refused."""
    text = (bundled_files.bundled_folder("policies") / "interpals.toml").read_text("utf-8")
    with pytest.raises(PolicyError, match=r'version is ".*"; write letters and digits, with single dots'):
        parse_policy(text.replace('version = "2024"', f'version = "{name}"'), "p.toml")
