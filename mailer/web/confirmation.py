"""`/confirm/{token}`: the page of a confirmation mail. Only readers of the address on record have its link."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from fastapi import APIRouter, Request
from fastapi.responses import Response

from mailer.actions import record_opt_out
from mailer.actions.confirmations import apply_confirmation
from mailer.policy.policy_file import Policy
from mailer.policy.scopes import can_be_asked, can_be_left
from mailer.policy.standing import Standing
from mailer.ports.pending_requests import PendingRequest, RequestedAct
from mailer.rendering.signed_links import ConfirmToken
from mailer.web.form_posts import METHODS, is_button_press, is_current_address, read_form
from mailer.web.languages import PageLanguage
from mailer.web.mail_choices import MailChoice, mail_choices, title_of
from mailer.web.pages import Problem, brand_page, language_of, problem_page
from mailer.web.privacy_signals import apply_privacy_signal
from mailer.web.site import TheSite, WebContext

router = APIRouter(include_in_schema=False)


@router.api_route("/confirm/{token}", methods=METHODS)
async def confirming(request: Request, token: str, site: TheSite) -> Response:
    """Shows the person's requests, and the mail that they get; carries out the buttons."""
    link = site.links.read_confirm(token)
    policy = site.policies.get(link.brand) if link else None
    if link is None or policy is None:
        return problem_page(request, Problem.BAD_LINK, 400)
    standing = await site.standings.get_standing(link.brand, link.recipient_id)
    if standing is None or standing.erased:
        return problem_page(request, Problem.GONE, 410)
    wishes = await _requests_of_link(site, policy, link)
    if not is_current_address(link.generation, standing) or not wishes:
        return problem_page(request, Problem.STALE, 410)
    late = all(wish.void for wish in wishes)
    await apply_privacy_signal(request, site, policy, link.recipient_id)
    if is_button_press(request.method):
        form = await read_form(request)
        for scope in [scope for scope in form.get("stop", []) if can_be_left(policy, scope)]:
            await record_opt_out(site.standings, policy, standing.recipient_id, scope, "page")
        pressed = [
            wish.what for wish in wishes if wish.what in form.get("wish", []) and wish.what != RequestedAct.SHOWN
        ]
        refused = {what for what in pressed if not await apply_confirmation(site.answers, policy, link, what, token)}
        wishes = await _requests_of_link(site, policy, link)
        standing = await site.standings.get_standing(link.brand, link.recipient_id) or standing
        late = any(wish.what in refused and not _still_holds(standing, wish) for wish in wishes)
    language = language_of(request, policy)
    return brand_page(
        request,
        policy,
        "confirm.html.j2",
        standing.address,
        late=late,
        waiting=_choices_of(
            policy, [wish for wish in wishes if wish.is_waiting and wish.what != RequestedAct.SHOWN], language
        ),
        confirmed=[]
        if late
        else _choices_of(policy, [wish for wish in wishes if _still_holds(standing, wish)], language),
        gets=[] if standing.objected else [choice for choice in _flat_choices(policy, standing, language) if choice.on],
    )


async def _requests_of_link(site: WebContext, policy: Policy, link: ConfirmToken) -> list[PendingRequest]:
    """Returns the requests of this link, answered or not, as far as the brand still offers them."""
    found = await site.wishes.wishes_of_confirmation(link.brand, link.recipient_id, link.confirmation)
    return [wish for wish in found if wish.what in set(RequestedAct) or can_be_asked(policy, wish.what)]


def _still_holds(standing: Standing, wish: PendingRequest) -> bool:
    """Tells whether a confirmed request is still in effect: the person may have opted out since."""
    category, _, topic = wish.what.partition("/")
    is_left = wish.what not in set(RequestedAct) and standing.has_left(category, topic or None)
    return wish.answered and not wish.void and not is_left


def _flat_choices(policy: Policy, standing: Standing, language: PageLanguage) -> Iterator[MailChoice]:
    for choice in mail_choices(policy, standing, language, datetime.now(UTC)):
        yield choice
        yield from choice.topics


def _choices_of(policy: Policy, wishes: Sequence[PendingRequest], language: PageLanguage) -> list[MailChoice]:
    return [MailChoice(wish.what, *title_of(policy, wish.what, language)) for wish in wishes]
