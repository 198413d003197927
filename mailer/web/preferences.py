"""`/preferences/{token}`: a person stops mail at once, or asks for mail.

The mail may have been forwarded, or its mailbox may belong to another person now. The page is therefore the same for
everybody. A change that allows more, or moves mail to another channel, waits for a confirmation from the address on
record.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

from fastapi import APIRouter, Request
from fastapi.responses import Response

from mailer.actions import object_to_marketing, record_opt_out, withdraw_consent
from mailer.actions.account_flags import set_account_flag
from mailer.actions.confirmation_requests import ask_for_confirmation
from mailer.actions.own_limits import record_own_limit
from mailer.policy.consent_and_opt_out_scopes import is_consent_scope
from mailer.policy.limits_set_by_recipient import has_brand_optional_mail
from mailer.policy.policy_file import Policy
from mailer.policy.standing import EVERYTHING_OPTIONAL, TRACKING, Standing
from mailer.ports.consents import Consent
from mailer.ports.pending_requests import PendingRequest, RequestedAct
from mailer.ports.standings import StandingFlag
from mailer.web.form_posts import METHODS, Form, is_link_for_address_on_record, is_post_method, read_form
from mailer.web.languages import PageLanguage
from mailer.web.mail_choices import (
    MailChoice,
    acts_person_may_request,
    group_scopes_and_acts,
    optional_mail_scopes_offered,
    title_and_description_of_scope_or_act,
    topic_scopes_with_recorded_choice,
)
from mailer.web.page_rendering import brand_page, reader_or_brand_language
from mailer.web.pause_and_cap_buttons import (
    end_of_pause,
    pause_or_cap_of_pressed_button,
    title_and_text_of_pause_or_cap,
)
from mailer.web.person_of_link import person_of_link_or_problem
from mailer.web.privacy_signals import opt_out_of_sharing_by_privacy_signal
from mailer.web.web_context import TheSite, WebContext

router = APIRouter(include_in_schema=False)

_REFUSALS = {"personalisation": StandingFlag.PERSONALISATION_REFUSED, "tracking": StandingFlag.TRACKING_REFUSED}
"""The flags that the page can set, by their names in its form."""


@router.api_route("/preferences/{token}", methods=METHODS)
async def preferences_page(request: Request, token: str, site: TheSite) -> Response:
    """Shows the mail that can be stopped or asked for. Stops take effect at once; the rest waits for a confirmation."""
    found = await person_of_link_or_problem(request, site, site.links.read_preferences_token(token))
    if isinstance(found, Response):
        return found
    link, policy, standing = found
    language, current = (
        reader_or_brand_language(request, policy),
        is_link_for_address_on_record(link.generation, standing),
    )
    stopped = mailed = False
    limited: tuple[str, str] | None = None
    await opt_out_of_sharing_by_privacy_signal(request, site, policy, link.recipient_id)
    if is_post_method(request.method):
        form = await read_form(request)
        stopped = await _record_ticked_opt_outs(site, policy, standing, form)
        limited = await _record_pressed_pause_or_cap(site, policy, standing, language, form)
        if current:
            stopped |= await _record_marketing_and_tracking_refusals(site, policy, standing, form)
            mailed = await _ask_to_confirm_ticked_requests(site, policy, standing, language, form)
    offered, now = acts_person_may_request(policy) if current else [], datetime.now(UTC)
    return brand_page(
        request,
        policy,
        "preferences.html.j2",
        standing.address if current else None,
        kinds=_mail_choices_of_scopes_or_acts(policy, optional_mail_scopes_offered(policy, now), language),
        wanted=[
            (name, _mail_choices_of_scopes_or_acts(policy, group, language))
            for name, group in group_scopes_and_acts([*optional_mail_scopes_offered(policy, now), *offered])
        ],
        offered=offered,
        has_optional_mail=has_brand_optional_mail(policy),
        limited=limited,
        stopped=stopped,
        mailed=mailed,
    )


async def _record_ticked_opt_outs(site: WebContext, policy: Policy, standing: Standing, form: Form) -> bool:
    """Records the opt-outs that are ticked in the form. Returns True if there was one."""
    known = [
        *optional_mail_scopes_offered(policy, datetime.now(UTC)),
        *topic_scopes_with_recorded_choice(policy, standing),
    ]
    left = [scope for scope in form.get("stop", []) if scope in known]
    if "all" in form:
        left = [EVERYTHING_OPTIONAL]
    for scope in left:
        await record_opt_out(site.standings, policy, standing.recipient_id, scope, "page")
    return bool(left)


async def _record_pressed_pause_or_cap(
    site: WebContext, policy: Policy, standing: Standing, language: PageLanguage, form: Form
) -> tuple[str, str] | None:
    """Records the pause or the own cap in the form. Returns what it does, in words; None if there was none.

    The words are about the button alone, as the page is the same for everybody who has the link.
    """
    limit = pause_or_cap_of_pressed_button(form)
    if limit is None or not has_brand_optional_mail(policy):
        return None
    until = end_of_pause(limit)
    await record_own_limit(site.standings, policy, standing.recipient_id, limit, "page")
    return title_and_text_of_pause_or_cap(limit, until, language, language.isolate_name_in_rtl_text(policy.name))


async def _record_marketing_and_tracking_refusals(
    site: WebContext, policy: Policy, standing: Standing, form: Form
) -> bool:
    """Records the refusals in the form: of marketing, tracking or personalisation. Returns True if there was one."""
    refused = form.get("refuse", [])
    for flag in [flag for name, flag in _REFUSALS.items() if name in refused]:
        await set_account_flag(site.standings, policy.brand, standing.recipient_id, flag, True, "page")
    if "marketing" in refused:
        await object_to_marketing(site.suppressions, policy, standing.recipient_id, "page", "recipient")
    if not {"tracking", "individual"}.isdisjoint(refused):
        said = Consent(TRACKING, False, "page", policy.version, None, "recipient", datetime.now(UTC))
        await withdraw_consent(site.consents, policy, standing.recipient_id, said)
    return not {*_REFUSALS, "marketing", "individual"}.isdisjoint(refused)


async def _ask_to_confirm_ticked_requests(
    site: WebContext, policy: Policy, standing: Standing, language: PageLanguage, form: Form
) -> bool:
    """Asks by mail to confirm the ticked requests in the form. Returns True if there was one."""
    now = datetime.now(UTC)
    known = [
        *optional_mail_scopes_offered(policy, now),
        *topic_scopes_with_recorded_choice(policy, standing),
        *acts_person_may_request(policy),
    ]
    wanted = [what for what in dict.fromkeys(form.get("want", [])) if what in known]
    if wanted:
        await send_mail_to_confirm_choices(site, policy, standing.recipient_id, wanted, language)
    return bool(wanted)


async def send_mail_to_confirm_choices(
    site: WebContext, policy: Policy, recipient_id: int, wanted: Iterable[str], language: PageLanguage
) -> None:
    """Sends a mail that asks a person to confirm their choices of a page.

    Raises:
        NoRecipientToAsk: the brand has no such recipient.
    """
    now = datetime.now(UTC)
    wishes = [
        PendingRequest(choice.what, policy.version, f"{choice.title}: {choice.description}", now)
        for choice in _mail_choices_of_scopes_or_acts(policy, wanted, language)
    ]
    evidence = [
        Consent(wish.what, True, "page", wish.version, wish.words, "link", now)
        for wish in wishes
        if wish.what not in set(RequestedAct) and is_consent_scope(policy, wish.what)
    ]
    await ask_for_confirmation(site.links_and_store_to_ask_confirmation, policy, recipient_id, wishes, evidence)


def _mail_choices_of_scopes_or_acts(policy: Policy, names: Iterable[str], language: PageLanguage) -> list[MailChoice]:
    return [MailChoice(name, *title_and_description_of_scope_or_act(policy, name, language)) for name in names]
