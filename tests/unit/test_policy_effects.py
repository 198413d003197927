"""The effects of another policy on people: who would newly get mail, and who would no longer."""

from datetime import UTC, date, datetime
from typing import Any

from mailer.policy.category import CATEGORIES
from mailer.policy.decision_types import Mailing
from mailer.policy.policy_effects import (
    PolicyChangeEffectsOnMail,
    PolicyEffectCounter,
    build_sample_mailing_of_each_kind,
)
from mailer.policy.policy_file import Policy
from mailer.policy.standing import Standing
from tests.factories import BRAND, policies

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
POLICY = policies()[BRAND]
NEWSLETTER = Mailing(CATEGORIES["newsletter"], "newsletter")
PROMOTION = Mailing(CATEGORIES["promotional"], "offers")


def changed(version: str, day: date = date(2026, 1, 1), **switches: str) -> Policy:
    """The policy of a brand as another version, with other switches."""
    update = {"version": version, "effective": day, "switches": POLICY.switches.model_copy(update=switches)}
    return POLICY.model_copy(update=update)


def ada(**values: Any) -> Standing:
    """A person in a country with the laxest law, who came under the present version."""
    plain = {"source": "sign-up", "country": "US", "collected_under": POLICY.version}
    return Standing(1, 1, "ada@people.example", **{**plain, **values})


def effects(before: Policy, after: Policy, kind: Mailing, *people: Standing) -> PolicyChangeEffectsOnMail:
    """The effects on one kind of mail."""
    counter = PolicyEffectCounter(before, after, [kind], NOW)
    counter.count_people(people)
    [found] = counter.counted_effects()
    return found


def test_the_same_policy_changes_nothing() -> None:
    """Nobody is newly mailed or no longer mailed, whatever they said."""
    everyone = (ada(), ada(consents=frozenset({"newsletter"})), ada(opted_out=frozenset({"newsletter"})))
    for kind in build_sample_mailing_of_each_kind(
        POLICY, [("newsletter", "newsletter"), ("promotional", "offers")], NOW
    ):
        found = effects(POLICY, POLICY, kind, *everyone)
        assert found.before == found.after
        assert not found.newly_mailed
        assert not found.no_longer_mailed


def test_a_stricter_version_stops_mail_by_its_rule() -> None:
    """A person without a consent is no longer mailed, by the rule that asks for one."""
    lax, strict = changed("lax", promo_basis="opt_out"), changed("strict", promo_basis="opt_in")
    tried = strict.with_earlier_versions({"lax": lax})
    people = (ada(collected_under="strict"), ada(collected_under="strict", consents=frozenset({"promotional"})))
    found = effects(
        lax.with_earlier_versions({"strict": lax.model_copy(update={"version": "strict"})}), tried, PROMOTION, *people
    )
    assert (found.before, found.after) == (2, 1)
    assert {rule for rule, _ in found.no_longer_mailed} == {"promo-basis"}
    assert found.no_longer_mailed.total() == 1
    assert not found.newly_mailed


def test_a_looser_version_does_not_loosen_for_earlier_people() -> None:
    """The other versions stand beside the one that is tried: people of the stricter one stay unmailed."""
    strict, lax = changed("strict", date(2020, 1, 1), promo_basis="opt_in"), changed("lax", promo_basis="opt_out")
    in_force = strict.with_earlier_versions({"lax": lax})
    [tried] = [version for version in in_force.all_versions if version.version == "lax"]
    tried = tried.with_earlier_versions({"strict": strict})
    found = effects(in_force, tried, PROMOTION, ada(collected_under="strict"), ada(collected_under="lax"))
    assert found.newly_mailed.total() <= 1
    assert found.after == 1


def test_partner_mail_needs_a_partner_and_invitations_an_inviter() -> None:
    """Each kind is published as an application does; a brand without partners has no partner mail."""
    uses = [("partner", "partner_offers"), ("invitation", "invitation"), ("newsletter", "newsletter")]
    for policy in policies().values():
        kinds = {kind.category.name: kind for kind in build_sample_mailing_of_each_kind(policy, uses, NOW)}
        assert kinds.keys() <= set(policy.terms)
        assert ("partner" in kinds) is (
            "partner" in policy.terms and any(p.is_in_force_on(NOW.date()) for p in policy.partners)
        )
        if "invitation" in kinds:
            assert kinds["invitation"].inviter
