"""The brand and the person whom a link of a mail names: the first steps of each page that such a link leads to."""

from typing import Protocol, TypeVar

from fastapi import Request
from fastapi.responses import Response

from mailer.policy.policy_file import Policy
from mailer.policy.standing import Standing
from mailer.rendering.link_tokens import TEST_RECIPIENT
from mailer.web.page_brand_and_locale import set_page_brand, set_page_brand_and_reader_locale
from mailer.web.page_rendering import ProblemName, problem_page
from mailer.web.web_context import WebContext


class TokenOfPerson(Protocol):
    """A token that names a person at a brand, and the generation of the address that it was sent to."""

    @property
    def brand(self) -> str: ...  # noqa: D102

    @property
    def recipient_id(self) -> int: ...  # noqa: D102

    @property
    def generation(self) -> int | None: ...  # noqa: D102


Token = TypeVar("Token", bound=TokenOfPerson)


async def person_of_link_or_problem(
    request: Request, site: WebContext, link: Token | None
) -> tuple[Token, Policy, Standing] | Response:
    """Returns the link with the policy of its brand and the person's standing, and stores brand and locale of the page.

    Args:
        request: of the page.
        site: has the policies and the standings.
        link: the token of the link; None if it is not ours.

    Returns:
        Instead, the page of a problem: the link is not ours, its brand is gone, the person is erased, or it is
            the link of a test mail.
    """
    policy = site.policies.get(link.brand) if link else None
    if link is None or policy is None:
        return problem_page(request, ProblemName.BAD_LINK, 400)
    set_page_brand(request, policy)
    if link.recipient_id == TEST_RECIPIENT:
        return problem_page(request, ProblemName.TEST_LINK, 200)
    standing = await site.standings.get_standing(link.brand, link.recipient_id)
    if standing is None or standing.erased:
        return problem_page(request, ProblemName.GONE, 410)
    set_page_brand_and_reader_locale(request, policy, standing, link.generation)
    return link, policy, standing
