"""The renderer of one mailing: prepares the shared parts of its messages once, and makes each recipient's message."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from pydantic_core import to_json

from mailer.policy.category import Category
from mailer.policy.country_codes import country_of_locale
from mailer.policy.decision_types import Mailing
from mailer.policy.jurisdiction import AdvertisingMark, advertising_mark_for_countries
from mailer.policy.policy_file import Policy
from mailer.policy.rule_registry import rule
from mailer.policy.standing import EVERYTHING_OPTIONAL, Standing
from mailer.policy.switches import ServiceFooter, Switches
from mailer.ports.deliveries import DeliveryRow
from mailer.ports.mailings import MailingFacts
from mailer.ports.processor import OutgoingMessage
from mailer.rendering.advertising_marks import add_advertising_marks
from mailer.rendering.headers import HeaderRefused, check_and_encode_addr_spec
from mailer.rendering.kinds_of_personal_data import personal_data_kinds
from mailer.rendering.letter_answers import answered_letter_of_mailing, build_locale_chooser
from mailer.rendering.link_tokens import MailReportToken, PreferencesToken, UnsubscribeToken, WebCopyToken
from mailer.rendering.localized_texts import context_in_locale, find_texts_given_by_language
from mailer.rendering.mail_merge import NAME, MergeForm, fill_pieces, merge_form_key_of_value
from mailer.rendering.mentioned_members import (
    display_names_of_mentioned_members,
    member_reference_from_ref,
    references_in_context,
    values_without_member_references,
)
from mailer.rendering.message import CompiledMessage, MailingHeaders, StaticMessageParts
from mailer.rendering.open_and_click_tracking import NOT_COUNTED, OpenAndClickTracking
from mailer.rendering.safe_names import name_without_link, profile_without_links, row_with_safe_name
from mailer.rendering.signed_links import SERVICE, SignedLinks
from mailer.rendering.template_library import (
    RESERVED,
    TRACKED,
    OrganizationIdAndName,
    RecipientNameAndLocale,
    RenderError,
    Template,
    service_footer_of_category,
)
from mailer.rendering.value_types import MEMBER
from mailer.rendering.way_to_leave_faults import (
    NoVisibleWayToLeave,
    missing_link_or_postal_address_faults,
    parts_with_only_links_filled_in,
    service_footer_faults,
)

MOST_BLANKS = 200
"""The number of compiled messages that are kept. They differ by locale, by the values that a person has, and so on."""
FEW = 16
"""A mailing with at most this number of recipients shares its form with similar mailings."""

_OWN_LINKS = frozenset({"unsubscribe_url", "leave_url", "report_url", "preferences_url", "view_url"})
"""Links by which the texts of two accounts do not differ. Each account needs its own link to leave everything."""
_ANY_LINK = "https://any.invalid/"
_ANYBODY = check_and_encode_addr_spec("anybody@any.invalid", "To")
"""The address that replaces a person's own one in `recipient_text_digest`, as `_ANY_LINK` replaces their links."""

Sign = Callable[[str, bytes, int], bytes]
"""Signs a message for a domain at a time (seconds): `(domain, message, now) -> message`."""


class RenderedMessage(NamedTuple):
    """A message, the id that the ledger keeps of it, and the kinds of personal data in it."""

    outgoing: OutgoingMessage
    message_id: str
    fields: tuple[str, ...]


class WebCopy(NamedTuple):
    """The text of a mail for a page, in one locale."""

    subject: str
    html: str
    locale: str


class MailingRenderer:
    """Renders the messages of one mailing.

    Args:
        facts: the mailing. policy: the policy of its brand. template: in the version that the mailing keeps.
        links: makes links and ids. shared: compiled messages that similar mailings share.

    Attributes:
        names_members: whether its mails may name other members. names: their names as of the last claim.
    """

    def __init__(
        self,
        facts: MailingFacts,
        policy: Policy,
        template: Template,
        links: SignedLinks,
        shared: dict[tuple[object, ...], CompiledMessage],
    ) -> None:
        self.facts = facts
        self.free_at = max(facts.released_at, facts.send_at or facts.released_at).timestamp()
        self.policy = policy
        self.template = template
        self.category = policy.get_category(facts.category)
        self.mailing = Mailing(
            self.category,
            template.purpose,
            facts.id,
            facts.topic,
            facts.inviter,
            partner=facts.partner,
            send_at=facts.send_at,
            expires_at=facts.expires_at,
            answers=template.answers,
            product=facts.product,
        )
        self._links = links
        self._skeletons: dict[str, StaticMessageParts] = {}
        self._blanks: dict[tuple[object, ...], CompiledMessage] = {}
        self._shared = shared
        self._same_for_all = {"reason": facts.reason, "inviter": None, "partner": self._partner_id_and_name()}
        self._shows_inviter = facts.inviter is not None and "inviter" in template.uses
        self.names: Mapping[int | str, str] = {}
        self.names_members = (
            self._shows_inviter or MEMBER in template.types.values() or any(references_in_context(facts.context))
        )
        self.counting = OpenAndClickTracking(facts, policy, template, self.category, links)
        self._by_language = find_texts_given_by_language(facts.context, template)
        self._letter = answered_letter_of_mailing(template, facts.context)
        self._choose_locale = build_locale_chooser(template, self._by_language, self._letter)
        self._texts: dict[str, str]
        self._like: tuple[object, ...] | None
        self._texts, self._like = self._texts_and_key_for_similar_mailings() or ({}, None)

    def render_message(self, row: DeliveryRow, category: Category, now: int) -> RenderedMessage:
        """Renders one recipient's message, unsigned.

        Args:
            row: the recipient's delivery.
            category: the category of the mail for this person.
            now: seconds since the epoch, for the Date.

        Raises:
            RenderError, HeaderRefused: a value of this recipient cannot be rendered.
            NoVisibleWayToLeave: the message does not show how to leave the mail.
        """
        address = address_on_record(row.standing)
        if address is None:
            raise AssertionError("nobody without an address is decided to be sent to")
        row = row_with_safe_name(row, category)
        switches = self.policy.strictest_switches_for_person(row.standing.collected_under, row.standing.country)
        personal = self._personal_values(row, category, switches)
        level = self.counting.tracking_level_of(row.standing, category, switches)
        if level not in (None, "mailing"):
            personal |= self.counting.personal_tracking_values(row, level)
        values = {**self._texts, **personal}
        footer = service_footer_of_category(category, switches)
        blank = self._find_or_compile_message(row, category, footer, level, values)
        message_id = self._links.stable_message_id(self.facts.id, row.recipient_id, self.policy.domain)
        recipient = check_and_encode_addr_spec(address, "To")
        content = blank.fill_message(
            to=recipient,
            name=row.name,
            message_id=message_id,
            date=now,
            unsubscribe_url=personal["unsubscribe_url"],
            unsubscribe_mailto=self._links.opt_out_mail.mailto(self.policy, category, self.facts.id, row.recipient_id),
            values=values,
        )
        message_id = message_id[1:-1]
        sender = self._links.bounce_address(self.facts.id, row.recipient_id, self.policy.domain)
        outgoing = OutgoingMessage(sender, recipient, content, message_id.partition("@")[0], is_canonical=True)
        return RenderedMessage(outgoing, message_id, blank.fields)

    def render_web_copy(self, row: DeliveryRow, category: Category) -> WebCopy:
        """Renders the mail of a recipient for a page, without counting. Raises RenderError as `render_message`."""
        row = row_with_safe_name(row, category)
        switches = self.policy.strictest_switches_for_person(row.standing.collected_under, row.standing.country)
        locale = self._choose_locale(row.locale)
        values = self._shared_values(row, locale, service_footer_of_category(category, switches), None)
        values |= self._personal_values(row, category, switches)
        own, mark = self._render_form_for_one_person(locale, values), self._advertising_mark(row, category)
        form = add_advertising_marks(own, mark, category, locale)
        return WebCopy(fill_pieces(form.subject, {}), fill_pieces(form.html, {}), locale)

    def mailing_with_inviter_pause_of_row(self, row: DeliveryRow) -> Mailing:
        """Returns the mailing as the rules see it for a recipient, whose inviter may be paused by now."""
        return replace(self.mailing, inviter_paused=True) if row.inviter_paused else self.mailing

    def recipient_text_digest(self, row: DeliveryRow) -> bytes | None:
        """Returns a digest of the text that a recipient gets: the message without its address, ids and personal links.

        Two accounts with one address get one copy if their digests are the same. In optional mail the greeted name, the
        language and the mark that a country's law wants do not change the digest; in mandatory mail they do.

        Returns:
            None if a value of this recipient cannot be rendered.
        """
        category = self.category
        if category.is_optional:
            row = replace(row, name=None, locale=None, standing=replace(row.standing, country=None))
        personal = self._personal_values(row, category, self.policy.switches)
        personal |= {name: _ANY_LINK for name, value in personal.items() if name in _OWN_LINKS and value}
        values = {**self._texts, **personal}
        try:
            footer, url = service_footer_of_category(category, self.policy.switches), personal["unsubscribe_url"]
            blank = self._find_or_compile_message(row, category, footer, None, values)
            content = blank.fill_message(
                to=_ANYBODY, name=None, message_id="<any>", date=0, unsubscribe_url=url, values=values
            )
        except (RenderError, HeaderRefused, NoVisibleWayToLeave):
            return None
        return hashlib.sha256(content).digest()

    def _find_or_compile_message(
        self, row: DeliveryRow, category: Category, footer: ServiceFooter, level: str | None, values: dict[str, Any]
    ) -> CompiledMessage:
        """Returns a compiled message that lacks only values, shared if possible; otherwise one for this person."""
        locale = self._choose_locale(row.locale)
        words = self.template.date_locale_for(row.locale, locale)
        names = tuple(values) if row.context else ()
        mark = self._advertising_mark(row, category)
        value_keys = map(merge_form_key_of_value, values.values())
        key = (locale, words, category.name, footer, level, mark, names, *value_keys)
        blanks, key = (self._shared, (*self._like, *key)) if self._like else (self._blanks, key)
        blank = blanks.get(key)
        if blank is None:
            same = self._shared_values(row, locale, footer, level)
            form = self.template.render_merge_form(locale, same, values)
            is_own = form is None
            form = add_advertising_marks(
                form or self._render_form_for_one_person(locale, {**same, **values}), mark, category, locale
            )
            if faults := self._way_to_leave_faults(form, category, footer, locale, same, values):
                raise NoVisibleWayToLeave("; ".join(faults))
            fields = personal_data_kinds(self.template, {**same, **values})
            if is_own:
                return self._static_parts(category).compile_merge_form(form, fields)
            if len(blanks) >= MOST_BLANKS:
                blanks.clear()
            blank = blanks[key] = self._static_parts(category).compile_merge_form(form, fields)
        return blank

    def _advertising_mark(self, row: DeliveryRow, category: Category) -> AdvertisingMark | None:
        """Returns the mark of advertising that the law of the person's country wants in this mail."""
        marks, lives_in = self.policy.advertising_mark_by_country, row.standing.country or country_of_locale(row.locale)
        return advertising_mark_for_countries(marks, lives_in) if category.markets else None

    def _render_form_for_one_person(self, locale: str, values: dict[str, Any]) -> MergeForm:
        """Renders a message for one person, as a form without slots."""
        rendered = self.template.render(locale, values)
        return MergeForm((rendered.subject,), (rendered.html,), (rendered.text,))

    def _way_to_leave_faults(
        self,
        form: MergeForm,
        category: Category,
        footer: ServiceFooter,
        locale: str,
        same: dict[str, Any],
        values: dict[str, Any],
    ) -> list[str]:
        """Returns the faults of a message's ways out: links and addresses that a reader would not see."""
        if category.is_optional:
            link = values["unsubscribe_url"]
            return [
                *missing_link_or_postal_address_faults(
                    parts_with_only_links_filled_in(form, values), category, link, self.policy.controller.postal_address
                )
            ]
        if footer == "none":
            return []
        silent = None
        if footer == "deactivate":
            less = {**same, "service_footer": "none"}
            bare = self.template.render_merge_form(locale, less, values) or self._render_form_for_one_person(
                locale, {**less, **values}
            )
            silent = parts_with_only_links_filled_in(bare, values)
        return [
            *service_footer_faults(
                parts_with_only_links_filled_in(form, values), silent, footer, values.get("leave_url")
            )
        ]

    def _texts_and_key_for_similar_mailings(self) -> tuple[dict[str, str], tuple[object, ...]] | None:
        """Returns the texts that can be filled into a shared form, and a key of the rest. None: it shares no form.

        Mailings with the same key share their forms, so that many mailings to one recipient each are not all rendered.
        A mailing to many recipients is rendered once with all its texts instead.
        """
        facts, uses = self.facts, self.template.uses
        pixel = self.counting.big_enough and "pixel_url" in uses
        if facts.audience_size > FEW or self._letter or facts.partner or facts.attachments or TRACKED in uses or pixel:
            return None
        bent = self.template.bent
        stated = values_without_member_references({"reason": facts.reason, **facts.context})
        texts = {name: text for name, text in stated.items() if isinstance(text, str) and name not in bent}
        rest = {name: value for name, value in stated.items() if name not in texts}
        kind = facts.brand, self.template.version, facts.campaign, facts.reply_to, facts.topic, *texts
        given = {name: value for name, value in rest.items() if value is not None}
        return texts, (*kind, tuple(rest), to_json(given) if given else None)

    def _personal_values(self, row: DeliveryRow, category: Category, switches: Switches) -> dict[str, Any]:
        """Returns the values of this person alone. Links that the template does not use are left out."""
        brand, mailing_id, uses, id_ = self.facts.brand, self.facts.id, self.template.uses, row.recipient_id
        generation = row.standing.generation
        personal: dict[str, Any] = {NAME: name_without_link(row.name), "unsubscribe_url": None}
        if row.context:
            personal |= {name: value for name, value in row.context.items() if name not in RESERVED}
            if row.context.get("profile") and not is_personalisation_refused(row.standing):
                personal["profile"] = profile_without_links(row.context["profile"])
        if self.names_members:
            personal |= self._member_names_by_context_name(row)
        if category.is_optional:
            token = UnsubscribeToken(brand, id_, category.name, mailing_id, generation)
            personal["unsubscribe_url"] = self._links.unsubscribe_link(token)
        elif "leave_url" in uses and service_footer_of_category(category, switches) == "leave":
            personal["leave_url"] = self._links.unsubscribe_link(
                UnsubscribeToken(brand, id_, SERVICE, mailing_id, generation)
            )
        if "report_url" in uses:
            personal["report_url"] = self._links.link_to_report_mail(
                MailReportToken(brand, id_, mailing_id, generation)
            )
        if "unsubscribe_all_url" in uses:
            token = UnsubscribeToken(brand, id_, EVERYTHING_OPTIONAL, mailing_id, generation)
            personal["unsubscribe_all_url"] = self._links.unsubscribe_link(token)
        if "preferences_url" in uses:
            personal["preferences_url"] = self._links.preferences_link(PreferencesToken(brand, id_, generation))
        if "view_url" in uses:
            personal["view_url"] = self._links.web_copy_link(WebCopyToken(brand, id_, mailing_id, generation))
        return personal

    def _member_names_by_context_name(self, row: DeliveryRow) -> dict[str, str]:
        """Returns the names of the members that the mail names; neutral words for members without a name to show."""
        inviter = {"inviter": member_reference_from_ref(self.facts.inviter)} if self._shows_inviter else {}
        return display_names_of_mentioned_members(
            {**self.facts.context, **(row.context or {}), **inviter},
            self.names,
            self._choose_locale(row.locale),
        )

    def _shared_values(self, row: DeliveryRow, locale: str, footer: ServiceFooter, level: str | None) -> dict[str, Any]:
        """Returns the values that several recipients share: the context, overridden by the pipeline's own values."""
        return {
            **context_in_locale(self.facts.context, self._by_language, locale),
            **self._same_for_all,
            "recipient": RecipientNameAndLocale(name_without_link(row.name), row.locale),
            "profile": {},
            "service_footer": footer,
            "leave_url": None,
            **(self.counting.shared_tracking_values(row) if level == "mailing" else NOT_COUNTED),
        }

    def _static_parts(self, category: Category) -> StaticMessageParts:
        """Returns the static parts of all messages of one category, which are made once. A mailing may have two."""
        skeleton = self._skeletons.get(category.name)
        if skeleton is None:
            facts, policy = self.facts, self.policy
            head = MailingHeaders(
                policy.sender_of(category),
                facts.brand,
                policy.domain,
                category,
                facts.campaign,
                facts.reply_to,
                facts.attachments,
                policy.name,
                facts.topic,
                self._letter.message_id if self._letter else None,
            )
            skeleton = self._skeletons[category.name] = StaticMessageParts(head)
        return skeleton

    def _partner_id_and_name(self) -> OrganizationIdAndName | None:
        """Returns the id and the name of the partner for whom the brand mails, or None."""
        found = (one for one in self.policy.partners if one.id == self.facts.partner)
        return next((OrganizationIdAndName(one.id, one.name) for one in found), None)


@rule("plain-promotions", "peerstream-12; GDPR Art. 21(2)", idle=False, sees=("standing.personalisation_refused",))
def is_personalisation_refused(standing: Standing) -> bool:
    """A person who refused personalisation gets the same template with an empty profile."""
    return standing.personalisation_refused


@rule("address-at-hand-over", "interpals-19; GDPR Art. 5(1)(d)")
def address_on_record(standing: Standing) -> str | None:
    """Mail goes to the address that is on record when it is handed over, never to that of the event."""
    return standing.address
