"""Fails where the built site loads anything from elsewhere, or a link in it leads nowhere.

Usage: python scripts/check_site.py build/site
"""

import re
import sys
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

_LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href", "object": "data"}
"""Elements by which a browser loads something, and the attribute that says what."""


class _Page(HTMLParser):
    """The ids of a page, what it loads and where it leads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        self.ids |= {said[name] for name in ("id", "name") if name in said}
        if tag in _LOADED and _LOADED[tag] in said and said.get("rel") not in ("canonical", "prev", "next"):
            self.loads.append(said[_LOADED[tag]])
        if tag == "a" and "href" in said:
            self.links.append(said["href"])


@cache
def _read(file: Path) -> _Page:
    return _Page(file.read_text("utf-8"))


def faults(site: Path) -> Iterator[str]:
    """Yields a line for each fault."""
    for file in sorted(site.rglob("*.html")):
        page, name = _read(file), file.relative_to(site)
        for address in page.loads:
            if _is_foreign(address):
                yield f"{name}: loads {address}"
        for address in [*page.loads, *page.links]:
            if not _is_foreign(address) and file.name != "404.html" and (fault := _astray(file, address)):
                yield f"{name}: {fault}"
    for file in sorted(site.rglob("*.css")):
        for address in re.findall(r"(?:url\(|@import )[\"']?([^)\"';]+)", file.read_text("utf-8")):
            if _is_foreign(address):
                yield f"{file.relative_to(site)}: loads {address}"


def _is_foreign(address: str) -> bool:
    parts = urlsplit(address)
    return bool(parts.netloc) or parts.scheme not in ("", "data")


def _astray(file: Path, address: str) -> str | None:
    """Says why a link of a page leads nowhere, None if it leads somewhere."""
    parts = urlsplit(address)
    if parts.scheme:
        return None
    target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
    target = target / "index.html" if target.is_dir() else target
    if not target.is_file():
        return f"{address} leads to no file"
    if parts.fragment and target.suffix == ".html" and unquote(parts.fragment) not in _read(target).ids:
        return f"{address} leads to no heading"
    return None


def main() -> int:
    """Prints the faults, and returns the exit status."""
    site = Path(sys.argv[1])
    found = [*faults(site)]
    for fault in found:
        print(fault, file=sys.stderr)
    pages = len([*site.rglob("*.html")])
    print(
        f"{pages} pages in {site}: {f'{len(found)} faults' if found else 'all links lead somewhere, nothing foreign'}"
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
