"""The blocks of a campaign as HTML of a mail, in the classes of the brand's layout. Both parts are made of it."""

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from mailer.policy.campaign_draft import (
    Article,
    ArticlesBlock,
    Block,
    ButtonBlock,
    CampaignDraft,
    ColumnsBlock,
    DividerBlock,
    HeadingBlock,
    HtmlBlock,
    PictureBlock,
    TextBlock,
)
from mailer.ports.pictures import PictureFacts
from mailer.rendering.campaign_fields import DraftTextRefused, SourceMarks, has_mark
from mailer.rendering.campaign_markup import PictureSources, clean_html_and_mark_links, html_of_markdown, url_mark

CONTENT_WIDTH: Final = 500
"""The width of a picture in Outlook, in pixels, which fits into the layouts of all brands."""
COLUMN_WIDTH: Final = 240
_TABLE: Final = 'role="presentation" cellpadding="0" cellspacing="0" border="0"'
_HEADING_STYLES: Final = {1: "", 2: "", 3: ' style="margin: 20px 0 6px; font-size: 16px; line-height: 1.4"'}
_PICTURE_PATH: Final = re.compile(r"/m/([0-9a-f]{32})(?![0-9a-f])")
_DIVIDER: Final = '<hr style="margin: 24px 0; border: 0; border-top: 1px solid #8a8f98">'
_COLUMN_STYLE: Final = f"display: inline-block; width: 100%; max-width: {COLUMN_WIDTH}px; vertical-align: top"


@dataclass(frozen=True, slots=True)
class PicturesOfCampaign:
    """The uploaded pictures that a campaign may show.

    Attributes:
        facts: by id. public_url: the beginning of their addresses, without a slash at the end.
        domains: of the policy, whose pictures HTML may show. are_fetched: the category may have pictures at all.
    """

    facts: Mapping[str, PictureFacts]
    public_url: str
    domains: tuple[str, ...]
    are_fetched: bool

    def picture_url(self, id_: str) -> str:
        """Returns the address at which a picture is served."""
        return picture_url(self.public_url, id_)

    @property
    def html_sources(self) -> PictureSources | None:
        """The pictures that HTML of a writer may show; None: no pictures."""
        urls = frozenset(map(self.picture_url, self.facts))
        return PictureSources(urls, self.domains) if self.are_fetched else None


def picture_url(public_url: str, id_: str) -> str:
    """Returns the address at which a picture is served."""
    return f"{public_url.rstrip('/')}/m/{id_}"


def pictures_used(draft: CampaignDraft) -> frozenset[str]:
    """Returns the ids of the uploaded pictures that a draft shows, in any variant and language."""
    return frozenset(_picture_ids_in([one.model_dump() for texts in draft.variants.values() for one in texts.values()]))


def _picture_ids_in(value: Any) -> Iterator[str]:
    match value:
        case {"type": "html", "html": str(markup)}:
            yield from _PICTURE_PATH.findall(markup)
        case dict():
            if value.get("picture"):
                yield value["picture"]
            for inner in value.values():
                yield from _picture_ids_in(inner)
        case list() | tuple():
            for inner in value:
                yield from _picture_ids_in(inner)
        case _:
            pass


def block_html(block: Block, marks: SourceMarks, pictures: PicturesOfCampaign, width: int = CONTENT_WIDTH) -> str:
    """Returns the HTML of one block, with marks for its fields and links.

    Args:
        block: the block.
        marks: the marks of the text.
        pictures: those that it may show.
        width: the widest picture, in pixels.

    Raises:
        DraftTextRefused: the block cannot be sent.
    """
    match block:
        case HeadingBlock():
            return _heading_html(block.text, block.level, marks)
        case TextBlock():
            return html_of_markdown(marks.replace_fields_by_marks(block.markdown), marks)
        case HtmlBlock():
            return clean_html_and_mark_links(marks.replace_fields_by_marks(block.html), marks, pictures.html_sources)
        case PictureBlock():
            alt = "" if block.is_decoration else block.alt
            return f"<p>{_picture_html(block.picture, alt, block.href, marks, pictures, width)}</p>"
        case ButtonBlock():
            return _button_html(block, marks)
        case ArticlesBlock():
            return "\n".join(_article_html(one, marks, pictures) for one in block.articles)
        case DividerBlock():
            return _DIVIDER
        case ColumnsBlock():
            return _columns_html(block, marks, pictures)


def line_html(text: str, marks: SourceMarks) -> str:
    """Returns one line of text as HTML, with marks for its fields.

    Raises:
        DraftTextRefused: it has braces that are no field.
    """
    return html.escape(marks.replace_fields_by_marks(text))


def _url_of(href: str, marks: SourceMarks) -> str:
    return url_mark(marks.replace_fields_by_marks(href), marks)


def _heading_html(text: str, level: int, marks: SourceMarks) -> str:
    if not text.strip():
        raise DraftTextRefused("has no text; write it, or remove the block")
    return f"<h{level}{_HEADING_STYLES[level]}>{line_html(text, marks)}</h{level}>"


def _picture_html(
    id_: str, alt: str, href: str | None, marks: SourceMarks, pictures: PicturesOfCampaign, width: int
) -> str:
    facts = pictures.facts.get(id_)
    if facts is None:
        raise DraftTextRefused("shows a picture that the brand does not have; upload it first")
    if not pictures.are_fetched:
        raise DraftTextRefused("is a picture, and mail of this category fetches nothing; remove it")
    if has_mark(marks.replace_fields_by_marks(alt)):
        raise DraftTextRefused("has a field in the picture's alt text; describe the picture for everybody")
    shown = min(facts.width, width)
    height = max(1, round(facts.height * shown / facts.width))
    image = (
        f'<img src="{html.escape(pictures.picture_url(id_))}" alt="{html.escape(alt)}" width="{shown}" '
        f'height="{height}" border="0" style="display: block; width: 100%; max-width: {facts.width}px; height: auto">'
    )
    return f'<a href="{_url_of(href, marks)}">{image}</a>' if href else image


def _button_html(block: ButtonBlock, marks: SourceMarks) -> str:
    if not block.label.strip():
        raise DraftTextRefused("has no label; write what the button does")
    link = f'<a class="button-link" href="{_url_of(block.href, marks)}">{line_html(block.label, marks)}</a>'
    return f'<table {_TABLE} class="actions"><tbody><tr><td class="button">{link}</td></tr></tbody></table>'


def _article_html(article: Article, marks: SourceMarks, pictures: PicturesOfCampaign) -> str:
    title = line_html(article.title, marks)
    if article.href:
        title = f'<a class="link" href="{_url_of(article.href, marks)}">{title}</a>'
    pieces = [f'<h2 class="first">{title}</h2>']
    if article.picture:
        shown = _picture_html(article.picture, article.alt, article.href, marks, pictures, CONTENT_WIDTH - 50)
        pieces.insert(0, f"<p>{shown}</p>")
    if article.markdown.strip():
        pieces.append(html_of_markdown(marks.replace_fields_by_marks(article.markdown), marks))
    return "\n".join(('<div class="panel">', *pieces, "</div>"))


def _columns_html(block: ColumnsBlock, marks: SourceMarks, pictures: PicturesOfCampaign) -> str:
    """Returns two blocks beside each other. Where they don't fit, or in Outlook, the second stands below the first."""
    columns, gap = [], f"; margin-{'right' if marks.is_left_to_right else 'left'}: 12px"
    for inner, style in ((block.first, _COLUMN_STYLE + gap), (block.second, _COLUMN_STYLE)):
        made = (block_html(one, marks, pictures, COLUMN_WIDTH) for one in inner)
        columns.append("\n".join((f'<div style="{style}">', *made, "</div>")))
    return f'<div style="width: 100%">{"".join(columns)}</div>'
