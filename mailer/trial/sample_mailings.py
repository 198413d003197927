"""Made-up mailings of a brand: for each template and category the usual mailing, and misused variants."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from mailer.policy.category import Category
from mailer.policy.decision_types import Mailing
from mailer.policy.policy_file import Policy
from mailer.rendering.template_library import Template, TemplateLibrary
from mailer.trial.sample_people import PRODUCT, STRANGER, TOPIC

INVITER = "Alex Example"
NO_PURPOSE = "a-purpose-of-nobody"
"""A purpose that no policy has."""


@dataclass(frozen=True, slots=True)
class SampleMailing:
    """A made-up mailing.

    Attributes:
        says: its name in a report.
        mailing: the mailing as a decision sees it.
        template: the template that renders it; None if the brand has none of the category.
        usual: it is correct, as an application should send it, so it may be rendered.
    """

    says: str
    mailing: Mailing
    template: Template | None
    usual: bool = True

    @property
    def category(self) -> Category:
        """Its category, as it is published."""
        return self.mailing.category


def sample_mailings(policy: Policy, templates: TemplateLibrary, now: datetime) -> tuple[SampleMailing, ...]:
    """Returns the made-up mailings of a brand, in a fixed order.

    Args:
        policy: the brand's.
        templates: holds the brand's.
        now: an aware datetime, by which partners are chosen.
    """
    found: list[SampleMailing] = []
    of_brand = [templates.find_template(policy.brand, name) for name in templates.template_names_of_brand(policy.brand)]
    for name, category in policy.categories.items():
        made: list[Template | None] = [one for one in of_brand if one is not None and one.category == name]
        for template in made or [None]:
            found += _usual_and_misused_mailings(
                template.name if template is not None else f"{name} mail", category, template, policy, now
            )
    return tuple(
        replace(mail, mailing=replace(mail.mailing, id=UUID(int=(7 << 76) | (2 << 62) | number)))
        for number, mail in enumerate(found, 1)
    )


def _usual_and_misused_mailings(
    name: str, category: Category, template: Template | None, policy: Policy, now: datetime
) -> Iterator[SampleMailing]:
    plain = Mailing(category, template.purpose if template is not None else policy.purposes[0])
    if category.invites:
        plain = replace(plain, inviter=INVITER)
        yield SampleMailing(f"{name} without an inviter", replace(plain, inviter=None), template, False)
        yield SampleMailing(
            f"{name} of an inviter who was stopped", replace(plain, inviter_paused=True), template, False
        )
    if category.partners:
        partner = next((one.id for one in policy.partners if one.is_in_force_on(now.date())), None)
        yield SampleMailing(f"{name} of no partner", plain, template, False)
        if partner is None:
            return
        plain = replace(plain, partner=partner)
    yield SampleMailing(name, plain, template)
    if category.name == "service":
        yield SampleMailing(f"{name} about {PRODUCT}", replace(plain, product=PRODUCT), template)
    if category.name == "account":
        yield SampleMailing(f"{name} as an answer", replace(plain, answers=True), template)
    if category.is_optional and not category.invites and not category.partners:
        yield SampleMailing(f"{name} about {TOPIC}", replace(plain, topic=TOPIC), template)
    yield SampleMailing(f"{name} for {STRANGER}", replace(plain, partner=STRANGER), template, False)
    yield SampleMailing(f"{name} for {NO_PURPOSE}", replace(plain, purpose=NO_PURPOSE), template, False)
    yield SampleMailing(
        f"{name} that has expired", replace(plain, expires_at=now - timedelta(hours=1)), template, False
    )
    yield SampleMailing(f"{name} for tomorrow", replace(plain, send_at=now + timedelta(days=1)), template, False)
