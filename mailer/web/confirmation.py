"""`/confirm/{token}`: the page of a confirmation mail. Only readers of the address on record have its link."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from fastapi import APIRouter, Request
from fastapi.responses import Response

from mailer.actions import record_opt_out
from mailer.actions.confirmed_requests import apply_confirmed_request
from mailer.policy.consent_and_opt_out_scopes import is_consent_scope, is_opt_out_scope
from mailer.policy.limits_set_by_recipient import OwnCap
from mailer.policy.policy_file import Policy
from mailer.policy.standing import Standing
from mailer.ports.pending_requests import PendingRequest, RequestedAct
from mailer.rendering.link_tokens import ConfirmToken
from mailer.web.form_posts import METHODS, is_link_for_address_on_record, is_post_method, read_form
from mailer.web.languages import PageLanguage
from mailer.web.mail_choices import MailChoice, mail_choices_of_person, title_and_description_of_scope_or_act
from mailer.web.page_rendering import ProblemName, brand_page, problem_page, reader_or_brand_language
from mailer.web.pause_and_cap_buttons import own_pause_and_cap_in_words
from mailer.web.person_of_link import person_of_link_or_problem
from mailer.web.privacy_signals import opt_out_of_sharing_by_privacy_signal
from mailer.web.web_context import TheSite, WebContext

router = APIRouter(include_in_schema=False)


@router.api_route("/confirm/{token}", methods=METHODS)
async def confirmation_page(request: Request, token: str, site: TheSite) -> Response:
    """Shows the person's requests, and the mail that they get; carries out the buttons."""
    found = await person_of_link_or_problem(request, site, site.links.read_confirm_token(token))
    if isinstance(found, Response):
        return found
    link, policy, standing = found
    wishes = await _requests_of_confirmation_link(site, policy, link)
    if not is_link_for_address_on_record(link.generation, standing) or not wishes:
        return problem_page(request, ProblemName.STALE, 410)
    late = all(wish.void for wish in wishes)
    await opt_out_of_sharing_by_privacy_signal(request, site, policy, link.recipient_id)
    if is_post_method(request.method):
        form = await read_form(request)
        for scope in [scope for scope in form.get("stop", []) if is_opt_out_scope(policy, scope)]:
            await record_opt_out(site.standings, policy, standing.recipient_id, scope, "page")
        pressed = [
            wish.what for wish in wishes if wish.what in form.get("wish", []) and wish.what != RequestedAct.SHOWN
        ]
        refused = {
            what
            for what in pressed
            if not await apply_confirmed_request(site.confirmation_stores, policy, link, what, token)
        }
        wishes = await _requests_of_confirmation_link(site, policy, link)
        standing = await site.standings.get_standing(link.brand, link.recipient_id) or standing
        late = any(
            wish.what in refused and not _is_confirmed_request_still_in_effect(standing, wish) for wish in wishes
        )
    language = reader_or_brand_language(request, policy)
    return brand_page(
        request,
        policy,
        "confirm.html.j2",
        standing.address,
        late=late,
        waiting=_requests_as_mail_choices(
            policy, [wish for wish in wishes if wish.is_waiting and wish.what != RequestedAct.SHOWN], language
        ),
        confirmed=[]
        if late
        else _requests_as_mail_choices(
            policy, [wish for wish in wishes if _is_confirmed_request_still_in_effect(standing, wish)], language
        ),
        limits=own_pause_and_cap_in_words(standing, language, language.isolate_name_in_rtl_text(policy.name)),
        gets=[]
        if standing.objected
        else [choice for choice in _mail_choices_and_topics_of_person(policy, standing, language) if choice.on],
    )


async def _requests_of_confirmation_link(site: WebContext, policy: Policy, link: ConfirmToken) -> list[PendingRequest]:
    """Returns the requests of this link, answered or not, as far as the brand still offers them."""
    found = await site.wishes.read_wishes_of_confirmation_mail(link.brand, link.recipient_id, link.confirmation)
    return [wish for wish in found if wish.what in set(RequestedAct) or is_consent_scope(policy, wish.what)]


def _is_confirmed_request_still_in_effect(standing: Standing, wish: PendingRequest) -> bool:
    """Tells whether a confirmed request is still in effect: the person may have opted out since."""
    category, _, topic = wish.what.partition("/")
    is_left = wish.what not in set(RequestedAct) and standing.has_opted_out_of(category, topic or None)
    return wish.answered and not wish.void and not is_left and not _is_ended_mail_limit_set_again(standing, wish)


def _is_ended_mail_limit_set_again(standing: Standing, wish: PendingRequest) -> bool:
    """Tells whether the limit that a confirmed request ended or loosened was set again since."""
    match wish.what:
        case RequestedAct.PAUSE_ENDED:
            return standing.paused_until is not None and standing.paused_until > datetime.now(UTC)
        case RequestedAct.WEEKLY:
            return standing.own_cap == OwnCap.MONTHLY
        case RequestedAct.CAP_ENDED:
            return standing.own_cap is not None
        case _:
            return False


def _mail_choices_and_topics_of_person(
    policy: Policy, standing: Standing, language: PageLanguage
) -> Iterator[MailChoice]:
    for choice in mail_choices_of_person(policy, standing, language, datetime.now(UTC)):
        yield choice
        yield from choice.topics


def _requests_as_mail_choices(
    policy: Policy, wishes: Sequence[PendingRequest], language: PageLanguage
) -> list[MailChoice]:
    return [
        MailChoice(wish.what, *title_and_description_of_scope_or_act(policy, wish.what, language)) for wish in wishes
    ]
