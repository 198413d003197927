"""The changes from one version of a policy to the next: looser values, and the way in which people were told."""

from datetime import date

import pytest

from mailer import bundled_files
from mailer.policy.policy_file import Policy
from mailer.policy.policy_library import parse_policies_in_force
from mailer.policy.switches import ORDER
from mailer.policy.version_changes import version_changes
from tests.factories import BRAND, policies

OLD = policies()[BRAND].model_copy(update={"version": "2004", "effective": date(2004, 1, 1), "promises": ()})


def later(**values: object) -> Policy:
    """A version of 2026 with other values, and the old one beside it."""
    new = OLD.model_copy(update={"version": "2026", "effective": date(2026, 1, 1), **values})
    return new.with_earlier_versions({OLD.version: OLD})


@pytest.mark.parametrize("switch", ORDER)
def test_a_loosened_switch_is_named(switch: str) -> None:
    """Each value that allows more than the one before is said, with both; a stricter or an equal one is not."""
    order = ORDER[switch]
    for place, value in enumerate(order):
        before = getattr(OLD.switches, switch)
        [change] = version_changes(later(switches=OLD.switches.model_copy(update={switch: value})))
        looser = place > order.index(before)
        assert change.loosened == ((f'{switch} from "{before}" to "{value}"',) if looser else ())
        assert (change.loosening_consequence is not None) == looser
        if change.loosening_consequence:
            assert "for people of 2004 that holds once they consent to version/2026" in change.loosening_consequence


def test_more_purposes_and_less_confirmation_loosen() -> None:
    """A new purpose is named, and so is a subscription that needs no confirmation any more."""
    [change] = version_changes(later(purposes=(*OLD.purposes, "research")))
    assert change.loosened == ("purposes by research",)
    paltalk = policies()["paltalk-2006"]
    terms = {**paltalk.terms, "newsletter": paltalk.terms["newsletter"].model_copy(update={"confirmed": False})}
    new = paltalk.model_copy(update={"version": "2008", "effective": date(2008, 1, 1), "terms": terms})
    [change] = version_changes(new.with_earlier_versions({paltalk.version: paltalk}))
    assert change.loosened == ("categories.newsletter.confirmed from true to false",)


@pytest.mark.promise("interpals-15", "paltalk06-24", "peerstream-03")
@pytest.mark.parametrize("brand", ["interpals", "paltalk-2006", "peerstream"])
def test_a_version_names_its_notice(brand: str) -> None:
    """A version that replaces another one says how people were told of it, before it was in force."""
    text = (bundled_files.bundled_folder("policies") / f"{brand}.toml").read_text("utf-8")
    version = policies()[brand].version
    newer = text.replace(f'version = "{version}"', 'version = "2026"', 1)
    newer = newer.replace(f"effective = {policies()[brand].effective}", "effective = 2026-06-01", 1)
    notice = '\n[notice]\nkind = "mailing"\nreference = "policy-2026"\nday = 2026-05-01\n'
    for said in ("", notice):
        [change] = version_changes(
            parse_policies_in_force({"a.toml": text, "b.toml": newer + said}, date(2026, 7, 1))[brand]
        )
        assert (change.before, change.version) == (version, "2026")
        assert (change.missing_notice_fault is None) == bool(said)
        assert said or "no [notice] says how people were told" in str(change.missing_notice_fault)
    assert list(version_changes(parse_policies_in_force({"a.toml": text}, date(2026, 7, 1))[brand])) == []
