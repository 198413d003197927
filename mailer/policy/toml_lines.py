"""Where a key of a TOML file stands: TOML readers keep no lines, and whoever has to mend a file asks for one."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping

Path = tuple[str | int, ...]
"""A key with what it lies in, such as `("promises", 3, "rules")`; elements of arrays count from 0."""

_HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]")
_KEY = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
_QUOTES = re.compile('"""|' + "'''")


def line_of(text: str, path: Path) -> int:
    """The line of a key, from 1; of the section around it where the key is missing or within a line.

    Args:
        text: TOML that can be read.
        path: the key's.
    """
    lines = dict(_key_lines(text))
    return next((lines[path[:end]] for end in range(len(path), 0, -1) if path[:end] in lines), 1)


def _key_lines(text: str) -> Iterator[tuple[Path, int]]:
    """Every section and every key that begins a line, with its line."""
    section: Path = ()
    elements: defaultdict[Path, int] = defaultdict(int)
    quoted = False
    for number, line in enumerate(text.splitlines(), 1):
        if not quoted and (header := _HEADER.match(line)):
            name = _section_path(elements, _split_key(header[2]))
            section = (*name, elements[name]) if header[1] == "[[" else name
            if header[1] == "[[":
                elements[name] += 1
            yield section, number
        elif not quoted and (key := _KEY.match(line)):
            yield (*section, *_split_key(key[1])), number
        quoted ^= len(_QUOTES.findall(line)) % 2 == 1


def _split_key(dotted: str) -> Path:
    return tuple(name.strip("\"'") for name in re.findall(r"""[\w-]+|"[^"]*"|'[^']*'""", dotted))


def _section_path(elements: Mapping[Path, int], names: Path) -> Path:
    """A section's path; one below an array of tables belongs to the array's last element."""
    path: Path = ()
    for name in names[:-1]:
        path = (*path, name)
        if path in elements:
            path = (*path, elements[path] - 1)
    return (*path, names[-1])
