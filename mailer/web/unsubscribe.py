"""`/u/{token}`: unsubscribes from a kind of mail, or asks to close the account."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from fastapi import APIRouter, Request
from fastapi.responses import Response

from mailer.actions import OptOutRefused, record_opt_out
from mailer.actions.confirmation_requests import NoRecipientToAsk
from mailer.actions.opt_out import opt_out_scope_of_link, undo_recent_opt_out
from mailer.actions.own_limits import OwnLimitRefused, record_own_limit
from mailer.metrics_and_logger import log
from mailer.policy.category import CATEGORIES
from mailer.policy.limits_set_by_recipient import OwnCap, OwnLimit, OwnPause, has_brand_optional_mail
from mailer.policy.mail_still_received import is_reached_by_mandatory_announcements, optional_categories_still_received
from mailer.policy.policy_file import Policy
from mailer.policy.rule_registry import rule
from mailer.policy.standing import EVERYTHING_OPTIONAL, Standing
from mailer.ports.pending_requests import RequestedAct
from mailer.ports.standings import OptOutResult
from mailer.rendering.link_tokens import TEST_RECIPIENT, UndoToken, UnsubscribeToken
from mailer.rendering.signed_links import SignedLinks
from mailer.web.form_posts import (
    METHODS,
    Form,
    is_link_for_address_on_record,
    is_post_method,
    parse_form,
    read_form,
)
from mailer.web.page_brand_and_locale import set_page_brand, set_page_brand_and_reader_locale
from mailer.web.page_rendering import (
    ProblemName,
    UnsubscribePageValues,
    UnsubscribeStep,
    brand_page,
    problem_page,
    reader_or_brand_language,
    unsubscribe_page,
)
from mailer.web.pause_and_cap_buttons import end_of_pause, pause_or_cap_of_pressed_button
from mailer.web.preferences import send_mail_to_confirm_choices
from mailer.web.privacy_signals import opt_out_of_sharing_by_privacy_signal
from mailer.web.web_context import TheMeters, TheSite, WebContext, WebCounters

router = APIRouter(include_in_schema=False)

ONE_CLICK_BODY = b"List-Unsubscribe=One-Click"
"""The body that mail programs send (RFC 8058 3.1). Nobody reads the answer, so that it shows nothing of the person."""
ONE_CLICK: Form = parse_form(ONE_CLICK_BODY)
"""Its fields."""


@router.api_route("/u/{token}", methods=METHODS)
async def handle_unsubscribe_link(request: Request, token: str, site: TheSite, meters: TheMeters) -> Response:
    """Shows the unsubscribe page. A press of its button, or a one-click POST, opts out."""
    found = find_unsubscribe_token_and_policy(site.links, site.policies, token)
    if found is None:
        return problem_page(request, ProblemName.BAD_LINK, 400)
    link, policy = found
    set_page_brand(request, policy)
    if link.recipient_id == TEST_RECIPIENT:
        return problem_page(request, ProblemName.TEST_LINK, 200)
    await opt_out_of_sharing_by_privacy_signal(request, site, policy, link.recipient_id)
    if is_link_to_close_account(link):
        return await _answer_close_account_link(request, site, policy, link)
    if is_post_method(request.method) and await read_form(request) == ONE_CLICK:
        await record_one_click_opt_out(site, meters, policy, link)
        return answer_to_one_click(request, policy, link)
    leaving = await _page_before_press(request, site, policy, link)
    if not is_post_method(request.method):
        return unsubscribe_page(request, leaving)
    form = await read_form(request)
    if "undo" in form:
        return unsubscribe_page(request, await _undo_opt_out(site, link, leaving, form["undo"][0]))
    if "back" in form and leaving.scope == EVERYTHING_OPTIONAL:
        return unsubscribe_page(request, leaving)  # nobody can ask for everything at once
    if "back" in form and leaving.about:
        await send_mail_to_confirm_choices(
            site, policy, link.recipient_id, [leaving.scope], reader_or_brand_language(request, policy)
        )
        return unsubscribe_page(request, replace(leaving, step=UnsubscribeStep.MAILED))
    if "resume" in form and leaving.about:
        language = reader_or_brand_language(request, policy)
        await send_mail_to_confirm_choices(site, policy, link.recipient_id, [RequestedAct.PAUSE_ENDED], language)
        return unsubscribe_page(request, replace(leaving, step=UnsubscribeStep.MAILED))
    limit = pause_or_cap_of_pressed_button(form)
    if limit is not None and has_brand_optional_mail(policy):
        return unsubscribe_page(request, await _limit_mail_by_pause_or_cap(site, link, leaving, limit))
    return unsubscribe_page(request, await _opt_out(site, meters, link, leaving, form))


@rule("plain-opt-out", "peerstream-08; the floor", idle=lambda links, policies, token: None)
def find_unsubscribe_token_and_policy(
    links: SignedLinks, policies: Mapping[str, Policy], token: str
) -> tuple[UnsubscribeToken, Policy] | None:
    """An opt-out needs only a link of ours: no login, no identity, and no data about the person who has it.

    Returns the token and the policy; None if the link is not ours, or its brand is gone.
    """
    link = links.read_unsubscribe_token(token)
    policy = policies.get(link.brand) if link else None
    return (link, policy) if link and policy else None


async def record_one_click_opt_out(
    site: WebContext, meters: WebCounters, policy: Policy, link: UnsubscribeToken
) -> None:
    """Records the opt-out of a mail program's one-click POST."""
    await _opt_out(site, meters, link, _page_without_personal_data(policy, link), ONE_CLICK)


def answer_to_one_click(request: Request, policy: Policy, link: UnsubscribeToken) -> Response:
    """Returns the page after a one-click POST. It depends on the link's brand and category, and on the language."""
    leaving = _page_without_personal_data(policy, link)
    return unsubscribe_page(
        request, replace(leaving, step=UnsubscribeStep.DONE, opted_out=leaving.opted_out | {leaving.scope})
    )


async def _page_before_press(
    request: Request, site: WebContext, policy: Policy, link: UnsubscribeToken
) -> UnsubscribePageValues:
    """Returns the page before a button is pressed. With a link to an older address, it shows no opt-outs."""
    standing = await site.standings.get_standing(link.brand, link.recipient_id)
    set_page_brand_and_reader_locale(request, policy, standing, link.generation)
    if standing is None or not is_link_for_address_on_record(link.generation, standing):
        return _page_without_personal_data(policy, link, standing)
    scope, footer = opt_out_scope_of_link(policy, link.category), _service_footer_value_for_person(policy, standing)
    gone = not standing.opted_out.isdisjoint({scope, EVERYTHING_OPTIONAL})
    now = datetime.now(UTC)
    step, gets = (
        UnsubscribeStep.LEFT if gone else UnsubscribeStep.ASK,
        optional_categories_still_received(policy, standing, now),
    )
    announced = (
        _unleavable_announcements_text_name(policy, standing)
        if is_reached_by_mandatory_announcements(policy, standing, now)
        else None
    )
    paused_until = standing.paused_until if standing.paused_until and standing.paused_until > now else None
    return UnsubscribePageValues(
        policy,
        step,
        scope,
        standing.opted_out,
        footer,
        standing.address,
        gets=gets,
        announced=announced,
        paused_until=paused_until,
        own_cap=standing.own_cap,
    )


def _page_without_personal_data(
    policy: Policy, link: UnsubscribeToken, standing: Standing | None = None
) -> UnsubscribePageValues:
    """Returns the page before a button is pressed, without anything about the person."""
    scope, footer = opt_out_scope_of_link(policy, link.category), _service_footer_value_for_person(policy, standing)
    announced = _unleavable_announcements_text_name(policy)
    return UnsubscribePageValues(policy, UnsubscribeStep.ASK, scope, frozenset(), footer, announced=announced)


async def _opt_out(
    site: WebContext, meters: WebCounters, link: UnsubscribeToken, leaving: UnsubscribePageValues, form: Form
) -> UnsubscribePageValues:
    """Records the opt-out of the page's button, or of a one-click POST with any body (RFC 8058 3.2)."""
    pressed = form.get("scope")
    scope, done = EVERYTHING_OPTIONAL if pressed == ["all"] else leaving.scope, OptOutResult()
    try:
        source = "page" if pressed else "one-click"
        done = await record_opt_out(site.standings, leaving.policy, link.recipient_id, scope, source, link.mailing_id)
        meters.opt_outs.labels(link.brand, scope).inc()
    except OptOutRefused:
        # The recipient is gone. The answer stays the same, so it does not tell that.
        log.info("an opt-out for a recipient who is gone", brand=link.brand)
    undo = _sign_token_to_undo_opt_out(site.links, link, done) if pressed and leaving.about else None
    return replace(leaving, step=UnsubscribeStep.DONE, scope=scope, opted_out=leaving.opted_out | {scope}, undo=undo)


async def _limit_mail_by_pause_or_cap(
    site: WebContext, link: UnsubscribeToken, leaving: UnsubscribePageValues, limit: OwnLimit
) -> UnsubscribePageValues:
    """Records the pause or the own cap of a button. A link to an older address shows only what was pressed."""
    done, until = OptOutResult(), end_of_pause(limit)
    try:
        done = await record_own_limit(
            site.standings, leaving.policy, link.recipient_id, limit, "page", mailing_id=link.mailing_id
        )
    except OwnLimitRefused:
        # The recipient is gone. The answer stays the same, so it does not tell that.
        log.info("a limit for a recipient who is gone", brand=link.brand)
    if isinstance(limit, OwnPause):
        step = UnsubscribeStep.PAUSED
    else:
        step = UnsubscribeStep.MONTHLY if OwnCap.MONTHLY in (limit, leaving.own_cap) else UnsubscribeStep.WEEKLY
    later = max((end for end in (until, leaving.paused_until) if end), default=None)
    undo = _sign_token_to_undo_opt_out(site.links, link, done) if leaving.about else None
    gets = frozenset[str]() if later else leaving.gets
    return replace(leaving, step=step, undo=undo, paused_until=later, gets=gets)


def _sign_token_to_undo_opt_out(links: SignedLinks, link: UnsubscribeToken, done: OptOutResult) -> str | None:
    """Returns the token that undoes an opt-out, once and for some minutes; None if the opt-out changed nothing."""
    if done.suppression is None or done.at is None:
        return None
    return links.sign_undo_token(UndoToken(link.brand, link.recipient_id, done.suppression, done.at))


async def _undo_opt_out(
    site: WebContext, link: UnsubscribeToken, leaving: UnsubscribePageValues, value: str
) -> UnsubscribePageValues:
    """Undoes the opt-out that a token names, if it was made on this link's page."""
    press = site.links.read_undo_token(value)
    if press is None or (press.brand, press.recipient_id) != (link.brand, link.recipient_id):
        return replace(leaving, step=UnsubscribeStep.LATE)
    undone = await undo_recent_opt_out(site.suppressions, press, datetime.now(UTC))
    return replace(leaving, step=UnsubscribeStep.UNDONE if undone else UnsubscribeStep.LATE)


def is_link_to_close_account(link: UnsubscribeToken) -> bool:
    """Tells whether the link is of mandatory mail that ends with the account (`service_footer`)."""
    category = CATEGORIES.get(link.category)
    return category is not None and category.mandatory and not category.outlives_account


async def _answer_close_account_link(
    request: Request, site: WebContext, policy: Policy, link: UnsubscribeToken
) -> Response:
    """Shows the page to close an account. Its button sends a confirmation mail, as service mail may be forwarded."""
    standing = await site.standings.get_standing(link.brand, link.recipient_id)
    if standing is None or not is_link_for_address_on_record(link.generation, standing):
        return problem_page(request, ProblemName.STALE, 410)
    set_page_brand_and_reader_locale(request, policy, standing, link.generation)
    asked = is_post_method(request.method) and "close" in await read_form(request)
    if asked:
        try:
            await send_mail_to_confirm_choices(
                site, policy, link.recipient_id, [RequestedAct.CLOSED], reader_or_brand_language(request, policy)
            )
        except NoRecipientToAsk:
            log.info("an account to close is gone", brand=policy.brand)
    return brand_page(request, policy, "closing.html.j2", standing.address, asked=asked)


def _unleavable_announcements_text_name(policy: Policy, standing: Standing | None = None) -> str:
    """Returns the name of the text about announcements for a person; without a standing, for everybody."""
    switches = (
        policy.strictest_switches_for_person(standing.collected_under, standing.country)
        if standing
        else policy.switches
    )
    return f"announced_{switches.service_scope}"


def _service_footer_value_for_person(policy: Policy, standing: Standing | None) -> str:
    if standing is None:
        return policy.switches.service_footer
    return policy.strictest_switches_for_person(standing.collected_under, standing.country).service_footer
