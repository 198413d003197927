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
from mailer.policy.policy_file import Policy
from mailer.policy.scopes import can_be_asked
from mailer.policy.standing import EVERYTHING_OPTIONAL, TRACKING, Standing
from mailer.ports.consents import Consent
from mailer.ports.pending_requests import PendingRequest, RequestedAct
from mailer.ports.standings import StandingFlag
from mailer.web.form_posts import METHODS, Form, is_button_press, is_current_address, read_form
from mailer.web.languages import PageLanguage
from mailer.web.mail_choices import MailChoice, acts_offered, scopes_offered, title_of, topics_of
from mailer.web.pages import Problem, brand_page, language_of, problem_page
from mailer.web.privacy_signals import apply_privacy_signal
from mailer.web.site import TheSite, WebContext

router = APIRouter(include_in_schema=False)

_REFUSALS = {"personalisation": StandingFlag.PERSONALISATION_REFUSED, "tracking": StandingFlag.TRACKING_REFUSED}
"""The flags that the page can set, by their names in its form."""


@router.api_route("/preferences/{token}", methods=METHODS)
async def preferences(request: Request, token: str, site: TheSite) -> Response:
    """Shows the mail that can be stopped or asked for. Stops take effect at once; the rest waits for a confirmation."""
    link = site.links.read_preferences(token)
    policy = site.policies.get(link.brand) if link else None
    if link is None or policy is None:
        return problem_page(request, Problem.BAD_LINK, 400)
    standing = await site.standings.get_standing(link.brand, link.recipient_id)
    if standing is None or standing.erased:
        return problem_page(request, Problem.GONE, 410)
    language, current = language_of(request, policy), is_current_address(link.generation, standing)
    stopped = mailed = False
    await apply_privacy_signal(request, site, policy, link.recipient_id)
    if is_button_press(request.method):
        form = await read_form(request)
        stopped = await _opt_out_ticked(site, policy, standing, form)
        if current:
            stopped |= await _apply_refusals(site, policy, standing, form)
            mailed = await _ask_for_ticked(site, policy, standing, language, form)
    offered = acts_offered(policy) if current else []
    return brand_page(
        request,
        policy,
        "preferences.html.j2",
        standing.address if current else None,
        kinds=_choices_for(policy, scopes_offered(policy, datetime.now(UTC)), language),
        others=_choices_for(policy, offered, language),
        offered=offered,
        stopped=stopped,
        mailed=mailed,
    )


async def _opt_out_ticked(site: WebContext, policy: Policy, standing: Standing, form: Form) -> bool:
    """Records the opt-outs that are ticked in the form. Returns True if there was one."""
    known = [*scopes_offered(policy, datetime.now(UTC)), *topics_of(policy, standing)]
    left = [scope for scope in form.get("stop", []) if scope in known]
    if "all" in form:
        left = [EVERYTHING_OPTIONAL]
    for scope in left:
        await record_opt_out(site.standings, policy, standing.recipient_id, scope, "page")
    return bool(left)


async def _apply_refusals(site: WebContext, policy: Policy, standing: Standing, form: Form) -> bool:
    """Records the refusals in the form: of marketing, tracking or personalisation. Returns True if there was one."""
    refused = form.get("refuse", [])
    for flag in [flag for name, flag in _REFUSALS.items() if name in refused]:
        await set_account_flag(site.standings, policy.brand, standing.recipient_id, flag, True, "page")
    if "marketing" in refused:
        await object_to_marketing(site.suppressions, policy, standing.recipient_id, "page", "recipient")
    if not {"tracking", "individual"}.isdisjoint(refused):
        said = Consent(TRACKING, False, "page", policy.version, None, "recipient", datetime.now(UTC))
        await withdraw_consent(site.consents, policy, standing.recipient_id, said)
    return bool(refused)


async def _ask_for_ticked(
    site: WebContext, policy: Policy, standing: Standing, language: PageLanguage, form: Form
) -> bool:
    """Asks by mail to confirm the ticked requests in the form. Returns True if there was one."""
    now = datetime.now(UTC)
    known = [*scopes_offered(policy, now), *topics_of(policy, standing), *acts_offered(policy)]
    wanted = [what for what in dict.fromkeys(form.get("want", [])) if what in known]
    if wanted:
        await ask_for_choices(site, policy, standing.recipient_id, wanted, language)
    return bool(wanted)


async def ask_for_choices(
    site: WebContext, policy: Policy, recipient_id: int, wanted: Iterable[str], language: PageLanguage
) -> None:
    """Sends a mail that asks a person to confirm their choices of a page.

    Raises:
        RecipientUnknown: the brand has no such recipient.
    """
    now = datetime.now(UTC)
    wishes = [
        PendingRequest(choice.what, policy.version, f"{choice.title}: {choice.description}", now)
        for choice in _choices_for(policy, wanted, language)
    ]
    evidence = [
        Consent(wish.what, True, "page", wish.version, wish.words, "link", now)
        for wish in wishes
        if wish.what not in set(RequestedAct) and can_be_asked(policy, wish.what)
    ]
    await ask_for_confirmation(site.confirmations, policy, recipient_id, wishes, evidence)


def _choices_for(policy: Policy, names: Iterable[str], language: PageLanguage) -> list[MailChoice]:
    return [MailChoice(name, *title_of(policy, name, language)) for name in names]
