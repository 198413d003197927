"""Mail that nobody can leave is about one thing: its values are those of a notice, not of a letter with stories."""

from collections.abc import Iterator, Mapping

from mailer.rendering.value_types import ListType, ObjectType, SingleType, ValueType

_REMEDY = "is about one thing; send several as a newsletter"


def find_several_subjects(types: Mapping[str, ValueType], category: str) -> Iterator[str]:
    """Finds values that make a letter of a notice: pages in a list, several pages, or several texts for each of a list.

    Words are not looked at, so that it holds in each language. A letter of fixed words without links passes.

    Args:
        types: of a template whose mail nobody can leave.
        category: the template's.
    """
    found = [each for name, kind in sorted(types.items()) for each in _single_types(kind, name)]
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


def _single_types(kind: ValueType, place: str, lists: str = "") -> Iterator[tuple[str, SingleType, str]]:
    """Yields each type of one value with its place, and the place of the list that it is in; empty: none."""
    match kind:
        case SingleType():
            yield place, kind, lists
        case ListType(each=each):
            yield from _single_types(each, place, place)
        case ObjectType(types=types):
            for field, inner in sorted(types.items()):
                yield from _single_types(inner, f"{place}.{field}", lists)
