"""The brand and the person of a page, which a request carries as soon as they are known.

A page that fails later, such as one whose database is away, still comes in the brand's look and the reader's language.
"""

from dataclasses import dataclass

from fastapi import Request

from mailer.policy.policy_file import Policy
from mailer.policy.standing import Standing
from mailer.web.form_posts import is_link_for_address_on_record


@dataclass(frozen=True, slots=True)
class PageBrandAndReaderLocale:
    """The brand whose page a request asks for, and the locale of the person whom the link names.

    Attributes:
        locale: the locale on record. None: there is none, or the link is for another address than the current one,
            so that the reader may be somebody else.
    """

    policy: Policy
    locale: str | None = None


def set_page_brand(request: Request, policy: Policy) -> None:
    """Stores the brand of a request's page. Call it once a token is verified."""
    request.state.page_reader = PageBrandAndReaderLocale(policy)


def set_page_brand_and_reader_locale(
    request: Request, policy: Policy, standing: Standing | None, generation: int | None
) -> None:
    """Stores the brand, and the person's locale if the link is for the current address."""
    is_current = standing is not None and is_link_for_address_on_record(generation, standing)
    request.state.page_reader = PageBrandAndReaderLocale(policy, standing.locale if standing and is_current else None)


def page_brand_and_locale_of_request(request: Request) -> PageBrandAndReaderLocale | None:
    """Returns what is known of a request's page; None if its link was not ours, or had no brand."""
    found: PageBrandAndReaderLocale | None = getattr(request.state, "page_reader", None)
    return found
