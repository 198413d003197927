"""`/report/{token}`: tells why a person got a mail. Buttons say "this is not my account", or stop an inviter.

The mail may have been forwarded. The page therefore shows nothing about the recipient, and does no more than an
unsubscribe link could.
"""

from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import Response

from mailer.actions import OptOutRefused, record_opt_out
from mailer.actions.inviters import pause_inviter
from mailer.metrics_and_logger import log
from mailer.policy.address_sources import Kind
from mailer.policy.category import CATEGORIES, Category
from mailer.policy.policy_file import Policy
from mailer.policy.policy_versions import describe_versions
from mailer.policy.rule_registry import rule
from mailer.policy.standing import EVERYTHING_OPTIONAL
from mailer.ports.inviter_pauses import InviterPauseStore
from mailer.ports.mail_origins import MailAndAddressOrigin
from mailer.rendering.link_tokens import MailReportToken
from mailer.web.form_posts import METHODS, is_link_for_address_on_record, is_post_method, read_form
from mailer.web.languages import PageLanguage
from mailer.web.page_rendering import (
    ProblemName,
    brand_page,
    category_titles_and_descriptions,
    problem_page,
    reader_or_brand_language,
)
from mailer.web.person_of_link import person_of_link_or_problem
from mailer.web.privacy_signals import opt_out_of_sharing_by_privacy_signal
from mailer.web.web_context import TheMeters, TheSite, WebContext, WebCounters

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class MailReason:
    """The reason for which a mail was sent, in words.

    Attributes:
        kind: the kind of mail; None if its records are gone.
        source, since, version: how and when the address was collected, and under which version of the policy.
    """

    kind: str | None
    reason: str
    source: str
    since: str | None
    version: str | None


@router.api_route("/report/{token}", methods=METHODS)
async def mail_origin_page(request: Request, token: str, site: TheSite, meters: TheMeters) -> Response:
    """Explains the mail. Its buttons dispute the account, or stop the member who invited."""
    found = await person_of_link_or_problem(request, site, site.links.read_mail_report_token(token))
    if isinstance(found, Response):
        return found
    link, policy, standing = found
    origin = await site.origins.read_mail_and_address_origin(link.brand, link.recipient_id, link.mailing_id)
    if origin is None:
        return problem_page(request, ProblemName.GONE, 410)
    done, current = None, is_link_for_address_on_record(link.generation, standing)
    await opt_out_of_sharing_by_privacy_signal(request, site, policy, link.recipient_id)
    if is_post_method(request.method):
        done = await _apply_and_name_pressed_button(request, site, meters, policy, link, origin if current else None)
    reason = reason_of_mail(policy, origin, reader_or_brand_language(request, policy)) if current else None
    invited = current and origin.inviter is not None
    return brand_page(request, policy, "why.html.j2", reason=reason, invited=invited, done=done)


_SOURCES: dict[Kind, str] = {
    "account": "sign-up",
    "contest": "contest",
    "partner": "partner",
    "invitation": "invitation",
}
"""The name of the text for each kind of source of an address."""


def reason_of_mail(policy: Policy, origin: MailAndAddressOrigin, language: PageLanguage) -> MailReason:
    """Returns the reason for which a mail was sent. It does not name the recipient."""
    texts, sources, brand = language.texts, language.texts["sources"], language.isolate_name_in_rtl_text(policy.name)
    category = CATEGORIES.get(origin.category or "")
    kind = policy.source_vocabulary.strictest_source_kind(origin.source)
    known = "unknown" if kind is None else _SOURCES.get(kind, "other")
    return MailReason(
        kind=_category_in_words(category, policy, language),
        reason=texts[_reason_text_name(category, origin)].format(brand=brand),
        source=sources[known].format(brand=brand),
        since=language.isolate_name_in_rtl_text(language.format_day(origin.collected_at.date()))
        if origin.collected_at
        else None,
        version=describe_versions(origin.policy_version),
    )


def _category_in_words(category: Category | None, policy: Policy, language: PageLanguage) -> str | None:
    if category is None:
        return None
    if category.mandatory:
        return str(language.texts["mandatory_title"])
    return category_titles_and_descriptions(language, [category.name], policy.name)[0][0]


def _reason_text_name(category: Category | None, origin: MailAndAddressOrigin) -> str:
    """Returns the name of the text for the reason."""
    if category is None:
        return "why_gone"
    if category.mandatory:
        return "why_account"
    if category.invites:
        return "why_invited"
    return "why_asked" if origin.asked else "why_not_left"


async def _apply_and_name_pressed_button(
    request: Request,
    site: WebContext,
    meters: WebCounters,
    policy: Policy,
    link: MailReportToken,
    origin: MailAndAddressOrigin | None,
) -> str | None:
    """Carries out the pressed button, and returns its name; None for any other post.

    `origin` is the origin of the mail. It is None if the link was for an older address: no inviter can then be stopped.
    """
    form = await read_form(request)
    if "inviter" in form and origin is not None and origin.inviter is not None:
        await pause_reported_inviter(site.inviters, policy.brand, origin.inviter)
        return "inviter"
    if "not_mine" in form:
        await _opt_out_of_disputed_account(site, meters, policy, link)
        return "not_mine"
    return None


@rule("report-link", "paltalk02-07")
async def pause_reported_inviter(inviters: InviterPauseStore, brand: str, inviter: str) -> None:
    """A person who reports an invitation stops the member who sent it, and need not give a name."""
    await pause_inviter(inviters, brand, inviter, "report")


async def _opt_out_of_disputed_account(
    site: WebContext, meters: WebCounters, policy: Policy, link: MailReportToken
) -> None:
    """Opts out of all optional mail, and does no more: a reader of a forwarded mail could press this button, too."""
    try:
        await record_opt_out(
            site.standings, policy, link.recipient_id, EVERYTHING_OPTIONAL, "not-mine", link.mailing_id
        )
        meters.opt_outs.labels(policy.brand, EVERYTHING_OPTIONAL).inc()
    except OptOutRefused:
        log.info("a disputed account is gone", brand=policy.brand)
