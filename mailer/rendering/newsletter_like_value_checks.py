"""A check that mail that nobody can leave is about one subject: its values fit a notice, not a newsletter."""

from collections.abc import Iterator, Mapping

from mailer.rendering.value_types import ListType, ObjectType, SingleType, ValueType

_REMEDY = "is about one thing; send several as a newsletter"


def newsletter_like_value_faults(types: Mapping[str, ValueType], category: str) -> Iterator[str]:
    """Yields values that make a newsletter of a notice: pages in a list, several pages, or lists of several texts.

    The check looks at types and not at words, so it works in each language. A newsletter of fixed text without links
    passes.

    Args:
        types: the types of a template whose mail nobody can leave.
        category: the category of the template.
    """
    found = [each for name, kind in sorted(types.items()) for each in _single_types_with_places(kind, name)]
    pages = [place for place, kind, _ in found if kind.is_page]
    if listed := [place for place, kind, lists in found if kind.is_page and lists]:
        yield f"values: {', '.join(listed)} leads to a page for each of a list; {category} mail {_REMEDY}"
    elif len(pages) > 1:
        yield f"values: {', '.join(pages)} lead to {len(pages)} pages; {category} mail {_REMEDY}"
    texts: dict[str, list[str]] = {}
    for place, kind, lists in found:
        if kind.is_text and lists:
            texts.setdefault(lists, []).append(place)
    for places in texts.values():
        if len(places) > 1:
            yield f"values: {', '.join(places)} are {len(places)} texts for each of a list; {category} mail {_REMEDY}"


def _single_types_with_places(kind: ValueType, place: str, lists: str = "") -> Iterator[tuple[str, SingleType, str]]:
    """Yields each single type within a value's type, with its place and the place of its list; empty: in no list."""
    match kind:
        case SingleType():
            yield place, kind, lists
        case ListType(each=each):
            yield from _single_types_with_places(each, place, place)
        case ObjectType(types=types):
            for field, inner in sorted(types.items()):
                yield from _single_types_with_places(inner, f"{place}.{field}", lists)
