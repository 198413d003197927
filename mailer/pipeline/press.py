"""One mailing's messages: what they have in common is prepared once, and each recipient's is made from it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mailer.policy.category import Category
from mailer.policy.decision import Mailing
from mailer.policy.document import Policy
from mailer.ports.deliveries import Row
from mailer.ports.mailings import MailingFacts
from mailer.ports.processor import Outgoing
from mailer.rendering.headers import addr_spec
from mailer.rendering.links import Links, UnsubscribeToken
from mailer.rendering.message import Letterhead, Skeleton
from mailer.rendering.templates import Addressee, Template, TemplateLibrary, restore

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
        self.mailing = Mailing(self.category, facts.send_at, facts.expires_at)
        self._links = links
        self._sign = sign
        letterhead = Letterhead(
            policy.sender(self.category),
            facts.brand,
            policy.domain,
            self.category,
            facts.campaign,
            facts.reply_to,
            facts.attachments,
        )
        self._skeleton = Skeleton(letterhead)
        self._pixel = links.pixel(facts.id) if self._counts_opens() else None

    def print(self, row: Row, now: int) -> Printed:
        """One recipient's message.

        Args:
            row: whose.
            now: seconds since the epoch, for the Date and the signature.

        Raises:
            RenderError, HeaderRefused: a value of this recipient cannot be rendered.
        """
        address = row.standing.address
        if address is None:
            raise AssertionError("nobody without an address is decided to be sent to")
        unsubscribe_url = self._unsubscribe_url(row.recipient_id)
        rendered = self.template.render(row.locale, self._values(row, unsubscribe_url))
        message_id = self._links.message_id(self.facts.id, row.recipient_id, self.policy.domain)
        content = self._skeleton.message(
            to=address,
            name=row.name,
            subject=rendered.subject,
            text=rendered.text,
            html=rendered.html,
            message_id=message_id,
            date=now,
            unsubscribe_url=unsubscribe_url,
        )
        sender = self._links.bounce_address(self.facts.id, row.recipient_id, self.policy.domain)
        recipient = addr_spec(address, "To")
        return Printed(
            Outgoing(sender, recipient, self._sign(self.policy.domain, content, now)), message_id.strip("<>")
        )

    def _values(self, row: Row, unsubscribe_url: str | None) -> Mapping[str, Any]:
        return {
            **self.facts.context,
            **row.context,
            "recipient": Addressee(row.name, row.locale),
            "unsubscribe_url": unsubscribe_url,
            "pixel_url": self._pixel,
            "reason": self.facts.reason,
        }

    def _unsubscribe_url(self, recipient_id: int) -> str | None:
        if self.category.mandatory:
            return None
        token = UnsubscribeToken(self.facts.brand, recipient_id, self.facts.category, self.facts.id)
        return self._links.unsubscribe(token)

    def _counts_opens(self) -> bool:
        """No pixel in mandatory mail, nor where so few get it that an open would be somebody's (invariant 6)."""
        return self.category.optional and self.facts.audience_size >= self.policy.minimum_cell


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
