"""One mailing's messages: what they have in common is prepared once, and each recipient's is made from it."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from mailer.policy.category import Category
from mailer.policy.decision import Mailing
from mailer.policy.document import Policy
from mailer.policy.registry import rule
from mailer.policy.standing import Standing
from mailer.policy.switches import ServiceFooter, Switches
from mailer.policy.tracking import tracking_level
from mailer.ports.deliveries import Row
from mailer.ports.mailings import MailingFacts
from mailer.ports.processor import Outgoing
from mailer.rendering.headers import addr_spec
from mailer.rendering.links import (
    SERVICE,
    ClickToken,
    Links,
    OpenToken,
    PreferencesToken,
    ReportToken,
    UnsubscribeToken,
)
from mailer.rendering.message import Letterhead, Skeleton
from mailer.rendering.templates import (
    TRACKED,
    Addressee,
    Identity,
    Template,
    TemplateLibrary,
    footer_for,
    restore,
)

FIELDS = ("email", "name", "locale", "context")
"""The kinds of personal data that a hand-over passes to the processor."""

Sign = Callable[[str, bytes, int], bytes]
"""Signs a message for a domain at a time (seconds): `(domain, message, now) -> message`."""


@dataclass(frozen=True, slots=True)
class Printed:
    """A message, and the id that the ledger keeps of it."""

    outgoing: Outgoing
    message_id: str


class Press:
    """Makes the messages of one mailing.

    Args:
        facts: the mailing. policy: its brand's. template: of the version that the mailing keeps.
        links: makes links and ids. sign: adds DKIM signatures.
    """

    def __init__(self, facts: MailingFacts, policy: Policy, template: Template, links: Links, sign: Sign) -> None:
        self.facts = facts
        self.policy = policy
        self.template = template
        self.category: Category = policy.categories[facts.category]
        self.mailing = Mailing(
            self.category,
            template.purpose,
            facts.id,
            facts.topic,
            facts.inviter,
            partner=facts.partner,
            send_at=facts.send_at,
            expires_at=facts.expires_at,
        )
        self._links = links
        self._sign = sign
        self._skeletons: dict[str, Skeleton] = {}
        self._same_for_all = {"reason": facts.reason, "inviter": facts.inviter, "partner": self._partner()}
        self._big_enough = facts.audience_size >= policy.minimum_cell
        self._pixel = links.pixel(OpenToken(facts.id))
        self._click = lru_cache(maxsize=200)(self._count_clicks)

    def print(self, row: Row, category: Category, now: int) -> Printed:
        """One recipient's message.

        Args:
            row: whose.
            category: what the mail is to this person.
            now: seconds since the epoch, for the Date and the signature.

        Raises:
            RenderError, HeaderRefused: a value of this recipient cannot be rendered.
        """
        address = address_now(row.standing)
        if address is None:
            raise AssertionError("nobody without an address is decided to be sent to")
        values = self._values(row, category)
        rendered = self.template.render(row.locale, values)
        message_id = self._links.message_id(self.facts.id, row.recipient_id, self.policy.domain)
        content = self._skeleton(category).message(
            to=address,
            name=row.name,
            subject=rendered.subject,
            text=rendered.text,
            html=rendered.html,
            message_id=message_id,
            date=now,
            unsubscribe_url=values["unsubscribe_url"],
        )
        sender = self._links.bounce_address(self.facts.id, row.recipient_id, self.policy.domain)
        recipient = addr_spec(address, "To")
        return Printed(
            Outgoing(sender, recipient, self._sign(self.policy.domain, content, now)), message_id.strip("<>")
        )

    def _values(self, row: Row, category: Category) -> dict[str, Any]:
        """The context of all, this person's over it, and over both what is the pipeline's to say."""
        switches = self.policy.switches_for(row.standing.collected_under, row.standing.country)
        values = {
            **self.facts.context,
            **row.context,
            **self._same_for_all,
            "recipient": Addressee(row.name, row.locale),
            "profile": {} if impersonal(row.standing) else row.context.get("profile", {}),
        }
        self._add_links(values, row.recipient_id, category, footer_for(category, switches))
        self._add_counting(values, row.standing, category, switches)
        return values

    def _add_links(self, values: dict[str, Any], recipient_id: int, category: Category, footer: ServiceFooter) -> None:
        """The links of one person; those that the template does not ask for are not signed."""
        brand, mailing_id, uses = self.facts.brand, self.facts.id, self.template.uses
        values["service_footer"] = footer
        values["unsubscribe_url"] = values["leave_url"] = None
        if category.optional:
            token = UnsubscribeToken(brand, recipient_id, category.name, mailing_id)
            values["unsubscribe_url"] = self._links.unsubscribe(token)
        elif footer == "leave" and "leave_url" in uses:
            values["leave_url"] = self._links.unsubscribe(UnsubscribeToken(brand, recipient_id, SERVICE, mailing_id))
        if "report_url" in uses:
            values["report_url"] = self._links.report(ReportToken(brand, recipient_id, mailing_id))
        if "preferences_url" in uses:
            values["preferences_url"] = self._links.preferences(PreferencesToken(brand, recipient_id))

    def _add_counting(self, values: dict[str, Any], standing: Standing, category: Category, switches: Switches) -> None:
        """The pixel, and what makes of a link one that counts; None for both where nobody may be counted.

        That is so in all mandatory mail; and where so few get a mailing that an open would be somebody's (invariant 6),
        only who has consented to be counted is.
        """
        values["pixel_url"] = values[TRACKED] = None
        if category.mandatory or self.template.uses.isdisjoint(("pixel_url", TRACKED)):
            return
        level = tracking_level(switches, standing)
        if level == "individual":
            self._count(values, None, standing.recipient_id)
        elif level == "unlinkable" and self._big_enough:
            self._count(values, secrets.token_hex(16), None)
        elif level == "mailing" and self._big_enough:
            values["pixel_url"], values[TRACKED] = self._pixel, self._click

    def _count(self, values: dict[str, Any], nonce: str | None, recipient_id: int | None) -> None:
        values["pixel_url"] = self._links.pixel(OpenToken(self.facts.id, nonce, recipient_id))
        values[TRACKED] = lambda url: self._links.click(ClickToken(self.facts.id, url, nonce, recipient_id))

    def _count_clicks(self, url: str) -> str:
        return self._links.click(ClickToken(self.facts.id, url))

    def _skeleton(self, category: Category) -> Skeleton:
        """What all messages of one category have in common; a mailing may be of two."""
        skeleton = self._skeletons.get(category.name)
        if skeleton is None:
            facts, policy = self.facts, self.policy
            head = Letterhead(
                policy.sender(category),
                facts.brand,
                policy.domain,
                category,
                facts.campaign,
                facts.reply_to,
                facts.attachments,
            )
            skeleton = self._skeletons[category.name] = Skeleton(head)
        return skeleton

    def _partner(self) -> Identity | None:
        """For whom the brand mails."""
        found = (partner for partner in self.policy.partners if partner.id == self.facts.partner)
        return next((Identity(partner.id, partner.name) for partner in found), None)


@rule("plain-promotions", "peerstream-12; GDPR Art. 21(2)", idle=False, sees=("standing.personalisation_refused",))
def impersonal(standing: Standing) -> bool:
    """Who refused personalisation gets the same template with an empty profile."""
    return standing.personalisation_refused


@rule("address-at-hand-over", "interpals-19; GDPR Art. 5(1)(d)")
def address_now(standing: Standing) -> str | None:
    """Mail goes to the address that is on record when it is handed over, never to that of the event."""
    return standing.address


class UnknownTemplate(LookupError):
    """A mailing's brand or template is not there any more."""


class Presses:
    """The presses of the mailings in hand.

    Args:
        policies: by brand. templates: all of them. links, sign: see `Press`.
    """

    def __init__(
        self, policies: Mapping[str, Policy], templates: TemplateLibrary, links: Links, sign: Sign, keep: int = 200
    ) -> None:
        self._policies = policies
        self._templates = templates
        self._links = links
        self._sign = sign
        self._keep = keep
        self._presses: dict[Any, Press] = {}

    def known(self, mailing_id: Any) -> Press | None:
        """The press of a mailing, if it is set up."""
        return self._presses.get(mailing_id)

    def has_template(self, facts: MailingFacts) -> bool:
        """Whether the mailing's template is the one that is deployed here."""
        template = self._templates.get(facts.brand, facts.template)
        return template is not None and template.version == facts.template_version

    def set_up(self, facts: MailingFacts, source: str | None) -> Press:
        """Prepares a mailing, and forgets the one that has been here longest.

        Args:
            facts: the mailing.
            source: its template as it was, where another one is deployed by now.

        Raises:
            UnknownTemplate: its policy or template is not there (any more).
        """
        policy = self._policies.get(facts.brand)
        if policy is None or facts.category not in policy.categories:
            raise UnknownTemplate(f"mailing {facts.id}: no policy lets {facts.brand} send {facts.category} mail")
        template = (
            restore(policy, facts.template, source) if source else self._templates.get(facts.brand, facts.template)
        )
        if template is None:
            raise UnknownTemplate(f"mailing {facts.id}: {facts.brand}/{facts.template} is not among the templates")
        press = Press(facts, policy, template, self._links, self._sign)
        if len(self._presses) >= self._keep:
            self._presses.pop(next(iter(self._presses)))
        self._presses[facts.id] = press
        return press
