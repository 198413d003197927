"""Hooks of MkDocs: what the site takes from outside `docs/`, and where links to it lead.

The README is the home page. `CONTRIBUTING.md`, `CHANGELOG.md` and `docker/README.md` are pages too. Any other file of
the repository that a page links to is shown as it is, on a page under `files/` that the search leaves out.
"""

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "docker/README.md": "docker.md",
}
"""Documents outside `docs/` that are pages of the site, and their names there."""
BOOSTS = {"bad-night.md": 3.0, "operations.md": 1.5, "what-happens-when.md": 1.5, "adr/": 0.3, "changelog.md": 0.3}
"""The weight of a page in the search: a page for help at night weighs more than the history of decisions."""
_LINK = re.compile(r"(!?\[(?:[^\[\]]|\[[^\]]*\])*\]\()([^)\s]+)(\))")
_FENCE = re.compile(r"^( *)(```|~~~).*?^\1\2", re.MULTILINE | re.DOTALL)
_SYNTAX = {".py": "python", ".sql": "sql", ".toml": "toml", ".yaml": "yaml", ".json": "json", ".sh": "sh"}


def slug(heading: str, separator: str) -> str:
    """The fragment of a heading, as GitHub makes it: links work in both places."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", separator)


def place(path: str) -> str:
    """The page of the site that shows a file of the repository."""
    if path in PAGES:
        return PAGES[path]
    return path.removeprefix("docs/") if path.startswith("docs/") else f"files/{path}.md"


def source(page: str) -> str:
    """The file of the repository of which a page is made."""
    return next((path for path, name in PAGES.items() if name == page), f"docs/{page}")


def rewritten(text: str, path: str) -> str:
    """A document's text with its relative links leading to pages of the site.

    Args:
        text: Markdown.
        path: of the document, in the repository.
    """
    here = place(path)

    def _to_page(link: "re.Match[str]") -> str:
        target, sharp, fragment = link[2].partition("#")
        if not target or re.match(r"[a-z][a-z+.-]*:", target):
            return link[0]
        wanted = place(posixpath.normpath(posixpath.join(posixpath.dirname(path), target)))
        return f"{link[1]}{posixpath.relpath(wanted, posixpath.dirname(here) or '.')}{sharp}{fragment}{link[3]}"

    parts, end = [], 0
    for fence in _FENCE.finditer(text):
        parts += [_LINK.sub(_to_page, text[end : fence.start()]), fence[0]]
        end = fence.end()
    return "".join([*parts, _LINK.sub(_to_page, text[end:])])


def linked(text: str, path: str) -> Iterator[str]:
    """The files outside `docs/`, and no pages of the site, to which a document links."""
    for link in _LINK.finditer(_FENCE.sub("", text)):
        target = link[2].partition("#")[0]
        if target and not re.match(r"[a-z][a-z+.-]*:", target):
            file = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
            if file not in PAGES and not file.startswith("docs/") and (ROOT / file).is_file():
                yield file


def shown(file: str) -> str:
    """A page that shows a file."""
    text = (ROOT / file).read_text("utf-8")
    fence = "~" * max(4, *(len(run) + 1 for run in re.findall(r"~+", text)), 4)
    head = f"---\nsearch:\n  exclude: true\n---\n\n# {file}\n\n"
    return f"{head}{fence} {_SYNTAX.get(Path(file).suffix, 'text')}\n{text.rstrip()}\n{fence}\n"


def on_files(files: Any, config: Any) -> Any:
    """Adds the pages that are made of files outside `docs/`."""
    from mkdocs.structure.files import File  # only the build has it

    for path, name in PAGES.items():
        files.append(File.generated(config, name, content=(ROOT / path).read_text("utf-8")))
    documents = [*PAGES, *(f"docs/{file.src_uri}" for file in files.documentation_pages() if file.abs_src_path)]
    texts = {path: (ROOT / path).read_text("utf-8") for path in documents if (ROOT / path).is_file()}
    for file in sorted({file for path, text in texts.items() for file in linked(text, path)}):
        files.append(File.generated(config, place(file), content=shown(file)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Leads the links of a page to pages, and says how much it counts in the search."""
    name = page.file.src_uri
    for start, boost in BOOSTS.items():
        if name.startswith(start):
            page.meta["search"] = {"boost": boost}
    return markdown if name.startswith("files/") else rewritten(markdown, source(name))


def on_page_content(html: str, page: Any, **_: Any) -> str:
    """Marks the tables of the reference, whose rows are paragraphs on a narrow screen (site.css)."""
    return f'<div class="rows">{html}</div>' if page.file.src_uri.startswith("reference/") else html
