"""A mail as a page shows it to everybody: nobody's name or values, no person's link, no counting."""

from typing import Any, Final

from mailer.ports.mailings import MailingFacts
from mailer.rendering.letter_answers import build_locale_chooser
from mailer.rendering.localized_texts import context_in_locale, find_texts_given_by_language
from mailer.rendering.mail_merge import NAME
from mailer.rendering.mailing_renderer import WebCopy
from mailer.rendering.mentioned_members import display_names_of_mentioned_members
from mailer.rendering.open_and_click_tracking import NOT_COUNTED
from mailer.rendering.template_library import RecipientNameAndLocale, Template

_WAYS_OUT: Final = ("unsubscribe_url", "unsubscribe_all_url", "leave_url", "report_url", "preferences_url")
"""The links of a person, which lead a reader who is nobody to the page that takes an address."""


def render_mail_for_everybody(
    facts: MailingFacts, template: Template, locale: str, way_to_leave: str, own_page: str
) -> WebCopy:
    """Renders a mail without any person's values.

    Args:
        facts: the mailing, which names no partner and no inviter.
        template: in the version that the mailing keeps.
        locale: of the reader, for the choice among the languages of the mail.
        way_to_leave: the URL where somebody leaves the brand's mail by an address.
        own_page: the URL of the page.

    Raises:
        RenderError: the mail cannot do without a person's values.
    """
    by_language = find_texts_given_by_language(facts.context, template)
    chosen = build_locale_chooser(template, by_language, None)(locale)
    values: dict[str, Any] = {
        **context_in_locale(facts.context, by_language, chosen),
        **display_names_of_mentioned_members(facts.context, {}, chosen),
        "reason": facts.reason,
        "inviter": None,
        "partner": None,
        "recipient": RecipientNameAndLocale(None, chosen),
        "profile": {},
        "service_footer": "none",
        **NOT_COUNTED,
        NAME: None,
        **dict.fromkeys(_WAYS_OUT, way_to_leave),
        "view_url": own_page,
    }
    rendered = template.render(chosen, values)
    return WebCopy(rendered.subject, rendered.html, chosen)
