"""Compares what a brand's people get under its policy and under another one, over a sample of the people there are."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mailer.policy.policy_effects import (
    PolicyChangeEffectsOnMail,
    PolicyEffectCounter,
    build_sample_mailing_of_each_kind,
)
from mailer.policy.policy_file import Policy
from mailer.ports.people_sample import PeopleSampler
from mailer.rendering.template_library import TemplateLibrary

_SLICE = 20
"""The people about whom is decided before other work of the process gets its turn: a few milliseconds."""
_KEPT = timedelta(minutes=5)
"""The time in which the same comparison is not made again: it takes a third of a second of the processor."""


@dataclass(frozen=True, slots=True)
class PolicyComparison:
    """The effects of another policy.

    Attributes:
        people: the number of people who were looked at.
        is_everybody: True if the brand has no others.
        effects: those on each kind of mail.
        counted_at: the time of the counting, an aware time.
    """

    people: int
    is_everybody: bool
    effects: Sequence[PolicyChangeEffectsOnMail]
    counted_at: datetime


class PolicyComparer:
    """Compares policies over people. It does one comparison at a time, since each is work of the processor."""

    def __init__(self, people: PeopleSampler, templates: TemplateLibrary) -> None:
        """Takes the people and the templates, which say which kinds of mail a brand sends."""
        self._people = people
        self._templates = templates
        self._turn = asyncio.Lock()
        self._recent: dict[tuple[str, str, str, str], PolicyComparison] = {}

    async def compare_policies_over_people(self, before: Policy, after: Policy, now: datetime) -> PolicyComparison:
        """Decides about people of the brand of `before` under both policies. It changes nothing.

        A comparison that is less than five minutes old is returned again.
        """
        key = before.brand, before.version, after.brand, after.version
        async with self._turn:
            self._recent = {kept: one for kept, one in self._recent.items() if now - one.counted_at < _KEPT}
            if key not in self._recent:
                self._recent[key] = await self._count_effects(before, after, now)
            return self._recent[key]

    async def _count_effects(self, before: Policy, after: Policy, now: datetime) -> PolicyComparison:
        sample = await self._people.read_sample_of_people(before.brand)
        uses = self._list_category_and_purpose_of_templates(before.brand)
        counter = PolicyEffectCounter(before, after, build_sample_mailing_of_each_kind(before, uses, now), now)
        for start in range(0, len(sample.standings), _SLICE):
            counter.count_people(sample.standings[start : start + _SLICE])
            await asyncio.sleep(0)
        return PolicyComparison(len(sample.standings), sample.is_everybody, counter.counted_effects(), now)

    def _list_category_and_purpose_of_templates(self, brand: str) -> list[tuple[str, str]]:
        """Returns the category and the purpose of each template of a brand."""
        found = (self._templates.find_template(brand, name) for name in self._templates.template_names_of_brand(brand))
        return [(template.category, template.purpose) for template in found if template is not None]
