"""A lattice of people and mailings: one that lacks nothing, and every few things together that may be wrong with it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import combinations
from typing import Any

from mailer.policy.category import CATEGORIES
from mailer.policy.deciding import ASKED, facts_for_rules
from mailer.policy.decision_types import FactsForRules
from mailer.policy.policy_key_types import FrequencyCap
from mailer.policy.policy_sections import CategoryTerms, SendingHours
from mailer.policy.standing import EVERYTHING_OPTIONAL, INVITED, WITHIN_OWN_CAP
from tests.unit.test_decision import ADA, HERE, NOW, OTHER, PARTNER, POLICY, STRICT, mailing_of, revised


@dataclass(frozen=True)
class Wrong:
    """One thing that is wrong: values of the standing, of the mailing and of the policy.

    Attributes:
        about: what of them it is about. Of two wrongs about one thing, only one can be so.
    """

    name: str
    standing: dict[str, Any] = field(default_factory=dict)
    mailing: dict[str, Any] = field(default_factory=dict)
    policy: dict[str, Any] = field(default_factory=dict)

    @property
    def about(self) -> frozenset[str]:
        """The values that it sets."""
        return frozenset((*self.standing, *(f"mailing {name}" for name in self.mailing), *self.policy))


_NIGHT = SendingHours.model_validate({"from": "00:00", "to": "00:01"})
_CONFIRMED = {name: CategoryTerms(confirmed=category.is_optional) for name, category in CATEGORIES.items()}
_OLD = revised(POLICY, version="2020", purposes=())

WRONGS: tuple[Wrong, ...] = (
    *(
        Wrong(name, {name: True})
        for name in (
            *("under_13", "erased", "restricted", "deactivated", "objected", "erased_before"),
            *("address_dead", "electronic_refused"),
        )
    ),
    Wrong("no address", {"address": None}),
    Wrong("dead for optional mail", {"dead_in": (EVERYTHING_OPTIONAL,)}),
    Wrong("left all", {"opted_out": frozenset({EVERYTHING_OPTIONAL})}),
    Wrong("purposes refused", {"opted_out": frozenset(f"purpose/{name}" for name in POLICY.purposes)}),
    Wrong(
        "left all, and purposes refused",
        {"opted_out": frozenset({EVERYTHING_OPTIONAL, *(f"purpose/{name}" for name in POLICY.purposes)})},
    ),
    Wrong("partner refused", {"opted_out": frozenset({f"partner/{PARTNER}"})}),
    Wrong("no consents", {"consents": frozenset()}),
    Wrong("consents to other topics", {"consents": frozenset(f"{name}/chess" for name in CATEGORIES)}),
    Wrong("source unknown", {"source": None}),
    Wrong("of a contest", {"source": "contest"}),
    Wrong("invited", {"source": INVITED}),
    Wrong("country unknown", {"country": None}),
    Wrong("collected under an old version", {"collected_under": "2020"}),
    Wrong("collected under a foreign version", {"collected_under": "elsewhere"}),
    Wrong("another channel", {"channel": "sms"}),
    Wrong("invited before", {"invited_by": OTHER}),
    Wrong("a copy", {"copy_of": 16}),
    Wrong("a copy that is not known yet", {"copy_of": 16, "copy_known_at": NOW}),
    Wrong(
        "more was sent than may be",
        {"sent": ((EVERYTHING_OPTIONAL, 9),)},
        policy={"cap": FrequencyCap(mails=1, days=7)},
    ),
    Wrong("paused by the person", {"paused_until": NOW + timedelta(minutes=30)}),
    Wrong("had the one of the own cap", {"own_cap": "weekly", "sent": ((WITHIN_OWN_CAP, 1),)}),
    Wrong("expired", mailing={"expires_at": NOW - timedelta(hours=1)}),
    Wrong("early", mailing={"send_at": NOW + timedelta(hours=1)}),
    Wrong("of a stranger", mailing={"partner": "stranger"}),
    Wrong("of no partner", mailing={"partner": None}),
    Wrong("without inviter", mailing={"inviter": None}),
    Wrong("inviter paused", mailing={"inviter_paused": True}),
    Wrong("no category", policy={"terms": {}}),
    Wrong("no purpose", policy={"purposes": ()}),
    Wrong("confirmed only", policy={"terms": _CONFIRMED}),
    Wrong("at night", policy={"hours": _NIGHT}),
    Wrong("fenced", policy={"only_deliver_to": ()}),
    Wrong("strict", policy={"switches": STRICT}),
)


def people(most: int) -> Iterator[tuple[str, Sequence[Wrong]]]:
    """Yields each category with each combination of wrongs that can be so together, at most so many."""
    for number in range(1, most + 1):
        for wrongs in combinations(WRONGS, number):
            about = [thing for wrong in wrongs for thing in wrong.about]
            if len(about) == len(set(about)):
                for category in CATEGORIES:
                    yield category, wrongs


def facts_with(category: str, wrongs: Sequence[Wrong]) -> FactsForRules:
    """All that the rules look at, where these things are wrong."""
    standing: dict[str, Any] = {}
    mailing: dict[str, Any] = {}
    policy: dict[str, Any] = {}
    for wrong in wrongs:
        standing |= wrong.standing
        mailing |= wrong.mailing
        policy |= wrong.policy
    asked = mailing_of(category, **{"id": HERE, "topic": "music", **mailing})
    return facts_for_rules(
        asked, replace(ADA, **{"collected_under": POLICY.version, **standing}), revised(POLICY, _OLD, **policy), NOW
    )


def speaking(facts: FactsForRules) -> list[str]:
    """The names of the rules that speak, in the order in which they are asked."""
    return [name for name, (concerns, ask) in ASKED.items() if concerns(facts.category) and ask(facts) is not None]
