"""Checks of a campaign's pictures: alternative texts, weight, width and source."""

import re
from collections.abc import Iterator
from typing import Final

from mailer.policy.campaign_draft import ArticlesBlock, Block, ColumnsBlock, InnerBlock, PictureBlock
from mailer.rendering.campaign_facts import CampaignFacts, PageUnderCheck
from mailer.rendering.campaign_findings import CheckFinding, Place, error_check, warning_check
from mailer.rendering.campaign_link_checks import is_same_or_below
from mailer.rendering.campaign_text_checks import letters_in, quoted

MOST_OCTETS: Final = 1024 * 1024
"""The octets of all pictures of a mail that phones load in a few seconds."""
MOST_WIDTH: Final = 1200
"""The most pixels of a picture's width that help: a mail is 600 wide, and fine screens show twice as many."""
_LEAST_LETTERS: Final = 60
_PIXEL: Final = 3

ALT_MISSING = error_check(
    "picture-without-words",
    "A picture has no alternative text, and is not said to be decoration. Many programs hide pictures at first.",
    "Write what the picture says, or tick that it is decoration.",
)
ALT_FILE_NAME = warning_check(
    "picture-words-are-file-name",
    "The alternative text of a picture is the name of a file.",
    "Write what the picture says.",
)
PICTURE_UNKNOWN = error_check(
    "picture-unknown",
    "The draft names a picture that is not uploaded, or was deleted.",
    "Upload the picture, or choose another one.",
)
PICTURE_FOREIGN = warning_check(
    "picture-foreign",
    "A picture is fetched from a host that is not the brand's: that host learns who reads the mail.",
    "Upload the picture.",
)
PICTURES_HEAVY = warning_check(
    "pictures-heavy",
    f"The pictures of a mail have more than {MOST_OCTETS // 1024:,} KiB together.",
    "Upload smaller pictures, or fewer.",
)
PICTURE_WIDE = warning_check(
    "picture-wide",
    f"A picture is wider than {MOST_WIDTH:,} pixels, twice the width of a mail.",
    f"Upload it with at most {MOST_WIDTH:,} pixels of width.",
)
PICTURES_ONLY = warning_check(
    "pictures-only",
    f"The mail has pictures and fewer than {_LEAST_LETTERS} letters of text. Filters distrust that, and where pictures"
    " are hidden nothing is left.",
    "Write the message as text, and let the picture accompany it.",
)

CHECKS: Final = (
    ALT_MISSING,
    PICTURE_UNKNOWN,
    ALT_FILE_NAME,
    PICTURE_FOREIGN,
    PICTURES_HEAVY,
    PICTURE_WIDE,
    PICTURES_ONLY,
)
"""The checks of this module."""

_FILE_NAME = re.compile(r"\S+\.(?:png|jpe?g|gif|webp|svg|bmp)|(?:img|dsc|image|screenshot)[_ -]?\d+", re.IGNORECASE)
_HOST = re.compile(r"https?://([^/?#]+)", re.IGNORECASE)


def find_faults_of_html_pictures(page: PageUnderCheck) -> Iterator[CheckFinding]:
    """Yields the faults of the pictures in a mail's HTML."""
    for tag, attributes in page.tags:
        if tag != "img":
            continue
        told = dict(attributes)
        source, alt = told.get("src", ""), told.get("alt", "").strip()
        if "alt" not in told and not _is_pixel(told):
            yield ALT_MISSING.finding(f"The picture {quoted(source)} has no alt.", page.place_of(source))
        if _FILE_NAME.fullmatch(alt):
            yield ALT_FILE_NAME.finding(f"A picture says {quoted(alt)}.", page.place_of(alt))
        if _is_foreign(source, page.facts):
            yield PICTURE_FOREIGN.finding(f"The picture {quoted(source)} is of another host.", page.place_of(source))


def _is_pixel(told: dict[str, str]) -> bool:
    """Tells whether a picture is too small to be seen."""
    sizes = [told.get(name, "") for name in ("width", "height")]
    return all(size.isascii() and size.isdigit() and int(size[:4]) < _PIXEL for size in sizes)


def _is_foreign(source: str, facts: CampaignFacts) -> bool:
    host = _HOST.match(source)
    if host is None or facts.is_own_link(source):
        return False
    name = host[1].rpartition(":")[0].lower() if ":" in host[1] else host[1].lower()
    return not any(is_same_or_below(name, domain) for domain in facts.own_domains)


def find_faults_of_picture_blocks(facts: CampaignFacts) -> Iterator[CheckFinding]:
    """Yields the faults of the pictures in a draft's blocks."""
    for place, block in _blocks_with_places(facts):
        for picture, alt, needs_alt in _pictures_in(block):
            if needs_alt and not alt.strip():
                yield ALT_MISSING.finding("A picture has no alternative text, and is not decoration.", place)
            weight = facts.pictures.get(picture)
            if weight is None:
                yield PICTURE_UNKNOWN.finding("A picture of the draft is not uploaded.", place)
            elif weight.width > MOST_WIDTH:
                yield PICTURE_WIDE.finding(f"A picture is {weight.width:,} pixels wide.", place)


def find_weight_faults(facts: CampaignFacts) -> Iterator[CheckFinding]:
    """Yields the variants and locales whose pictures are heavy, or are nearly all there is."""
    blocks: dict[Place, list[Block]] = {}
    for place, block in _blocks_with_places(facts):
        blocks.setdefault(place._replace(block=None), []).append(block)
    for place, within in blocks.items():
        pictures = {picture for block in within for picture, _, _ in _pictures_in(block)}
        octets = sum(facts.pictures[picture].size for picture in pictures if picture in facts.pictures)
        letters = sum(map(_letters_of_block, within))
        if octets > MOST_OCTETS:
            yield PICTURES_HEAVY.finding(f"The pictures have {octets // 1024:,} KiB.", place)
        if letters < _LEAST_LETTERS and (pictures or any(_has_html_picture(block) for block in within)):
            yield PICTURES_ONLY.finding(f"There are {letters} letters of text beside the pictures.", place)


def _blocks_with_places(facts: CampaignFacts) -> Iterator[tuple[Place, Block]]:
    for variant, by_locale in facts.draft.variants.items() if facts.draft else ():
        for locale, texts in by_locale.items():
            for number, block in enumerate(texts.blocks, 1):
                yield Place(variant, locale, number), block


def _pictures_in(block: Block | InnerBlock) -> Iterator[tuple[str, str, bool]]:
    """Yields the id and the alternative text of each picture in a block, and whether it needs that text.

    The title of an article stands beside its picture, so the picture may be decoration.
    """
    match block:
        case PictureBlock():
            yield block.picture, block.alt, not block.is_decoration
        case ArticlesBlock():
            yield from ((one.picture, one.alt, False) for one in block.articles if one.picture)
        case ColumnsBlock():
            for inner in (*block.first, *block.second):
                yield from _pictures_in(inner)
        case _:
            pass


_TAG = re.compile(r"<[^>]*>")


def _has_html_picture(block: Block) -> bool:
    return block.type == "html" and "<img" in block.html.lower()


def _letters_of_block(block: Block | InnerBlock) -> int:
    """Returns the number of letters that a reader sees of a block without its pictures."""
    match block:
        case ColumnsBlock():
            return sum(map(_letters_of_block, (*block.first, *block.second)))
        case ArticlesBlock():
            return sum(letters_in(one.title) + letters_in(one.markdown) for one in block.articles)
        case _:
            told = block.model_dump()
            return letters_in(
                _TAG.sub(" ", " ".join(told.get(name, "") for name in ("text", "markdown", "html", "label")))
            )
