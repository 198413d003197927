"""The lines of the keys in a TOML file. TOML parsers do not keep line numbers, but error messages need them."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import lru_cache

Path = tuple[str | int, ...]
"""A key with its sections, such as `("promises", 3, "rules")`. Elements of arrays count from 0."""

_HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]")
_KEY = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
_QUOTES = re.compile('"""|' + "'''")


def line_number_of_key_or_section(text: str, path: Path) -> int:
    """Returns the number of a key's line, counted from 1.

    If the key is missing, or does not begin a line, it returns the line of the section around it.

    Args:
        text: TOML that can be read.
        path: the key's.
    """
    lines = _cached_line_number_by_key_path(text)
    return next((lines[path[:end]] for end in range(len(path), 0, -1) if path[:end] in lines), 1)


@lru_cache(maxsize=1)
def _cached_line_number_by_key_path(text: str) -> Mapping[Path, int]:
    """Returns the lines of all keys; a file with many faults is read once."""
    return dict(_find_key_paths_with_line_numbers(text))


def _find_key_paths_with_line_numbers(text: str) -> Iterator[tuple[Path, int]]:
    """Yields each section, and each key that begins a line, with its line number."""
    section: Path = ()
    elements: defaultdict[Path, int] = defaultdict(int)
    quoted = False
    for number, line in enumerate(text.splitlines(), 1):
        if not quoted and (header := _HEADER.match(line)):
            name = _add_array_indexes_to_section_path(elements, _split_key(header[2]))
            section = (*name, elements[name]) if header[1] == "[[" else name
            if header[1] == "[[":
                elements[name] += 1
            yield section, number
        elif not quoted and (key := _KEY.match(line)):
            yield (*section, *_split_key(key[1])), number
        quoted ^= len(_QUOTES.findall(line)) % 2 == 1


def _split_key(dotted: str) -> Path:
    return tuple(name.strip("\"'") for name in re.findall(r"""[\w-]+|"[^"]*"|'[^']*'""", dotted))


def _add_array_indexes_to_section_path(elements: Mapping[Path, int], names: Path) -> Path:
    """Returns the path of a section. A section below an array of tables belongs to the last element of that array."""
    path: Path = ()
    for name in names[:-1]:
        path = (*path, name)
        if path in elements:
            path = (*path, elements[path] - 1)
    return (*path, names[-1])
