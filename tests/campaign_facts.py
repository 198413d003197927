"""The facts of a campaign without any finding, and changes of it."""

from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple

from mailer.policy.campaign_draft import AbTest, Block, CampaignDraft, LocalizedDraft, TextBlock, VariantName
from mailer.policy.policy_file import Policy
from mailer.rendering.campaign_facts import CampaignFacts, RenderedTexts
from mailer.rendering.campaign_findings import CheckFinding
from mailer.rendering.template_samples import LEAVE, LINK
from tests.factories import policies

WORDS = (
    "This week twelve new rooms have opened, and the karaoke room has a stage of its own. Bring a song, or just"
    " listen: on Friday the hosts begin at eight, and there is room for everybody who likes music."
)
_STYLE = """<style>@media (prefers-color-scheme: dark) { .card { background-color: #151d31 !important; color: #ffffff
!important; } .link { color: #9cc3ff !important; } }</style>"""


class Size(NamedTuple):
    """The size of a picture."""

    size: int
    width: int


@cache
def policy() -> Policy:
    """The policy of the brand."""
    return policies()["paltalk-2006"]


def page(
    content: str = f"<p>{WORDS}</p>", preheader: str = "Karaoke and twelve new rooms", *, footer: bool = True
) -> str:
    """A page as the layouts have it."""
    foot = f'<p><a class="link" style="color: #1d4ed8" href="{LINK}">Unsubscribe</a></p><p>{address()}</p>'
    return (
        f'<!doctype html><html lang="en"><head><title>News</title>{_STYLE}</head><body>'
        f'<div style="display: none">{preheader}</div>'
        f'<div class="card" style="background-color: #ffffff; color: #1f2937">{content}{foot if footer else ""}</div>'
        "</body></html>"
    )


def plain(content: str = WORDS, *, footer: bool = True) -> str:
    """A text part."""
    return f"{content}\n\nUnsubscribe: {LINK}\n\n{address()}\n" if footer else content


def address() -> str:
    """The postal address of the brand's controller."""
    return policy().controller.postal_address


def texts(**changes: Any) -> RenderedTexts:
    """The mail of variant a in English without any fault."""
    usual = RenderedTexts("a", "en", "Twelve new rooms for singers", page(), plain(), "Karaoke and twelve new rooms")
    return replace(usual, **changes)


def draft(
    *blocks: Block, variants: tuple[VariantName, ...] = ("a",), locales: tuple[str, ...] = ("en",)
) -> CampaignDraft:
    """A draft whose texts have some blocks; one of text if none is given."""
    said = LocalizedDraft(subject="Twelve new rooms", blocks=blocks or (TextBlock(markdown=WORDS),))
    return CampaignDraft(
        category="newsletter",
        purpose="newsletter",
        variants={variant: dict.fromkeys(locales, said) for variant in variants},
        ab_test=AbTest() if len(variants) > 1 else None,
    )


def facts(*rendered: RenderedTexts, **changes: Any) -> CampaignFacts:
    """The facts of a campaign; without any finding if nothing is changed."""
    usual = CampaignFacts(policy(), "newsletter", "newsletter", rendered or (texts(),), draft())
    return replace(usual, **changes)


def with_content(html: str, text: str = WORDS) -> CampaignFacts:
    """The facts of a campaign with other contents."""
    return facts(texts(html=page(html + f"<p>{WORDS}</p>"), text=plain(text)))


def with_link(url: str, words: str = "All of the rooms") -> CampaignFacts:
    """The facts of a campaign with a link."""
    return with_content(f'<p><a class="link" style="color: #1d4ed8" href="{url}">{words}</a></p>')


def service_facts(html: str = f"<p>{WORDS}</p>", text: str = WORDS, **changes: Any) -> CampaignFacts:
    """The facts of service mail, without any finding if nothing is changed."""
    foot = f'<p><a class="link" style="color: #1d4ed8" href="{LEAVE}">Close your account</a></p>'
    mail = texts(html=page(html + foot, footer=False), text=f"{text}\n\nClose your account: {LEAVE}\n")
    service = draft().model_copy(update={"category": "service", "purpose": "service_notice"})
    usual = {"category": "service", "purpose": "service_notice", "draft": service, "leave_link": None}
    return facts(mail, **{**usual, **changes})


async def ask_nobody(checked: CampaignFacts) -> list[CheckFinding]:
    """The checks that ask others, without asking: no finding."""
    return []
