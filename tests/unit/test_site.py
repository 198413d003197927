"""The documentation site: every page has its place, links lead to pages, and what is wrong with a site is found."""

import posixpath
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.check_site import faults
from scripts.docs_site import PAGES, linked, place, rewritten, shown, slug, source

ROOT = Path(__file__).parents[2]


class _Loader(yaml.SafeLoader):
    """Reads mkdocs.yml, whose tags name functions of Python that only the build needs."""


_Loader.add_multi_constructor("tag:yaml.org,2002:python/", lambda loader, suffix, node: suffix)
CONFIG: dict[str, Any] = yaml.load((ROOT / "mkdocs.yml").read_text("utf-8"), _Loader)  # noqa: S506 - a safe one


def _pages(nav: Any) -> list[str]:
    match nav:
        case str():
            return [nav]
        case dict():
            return [page for each in nav.values() for page in _pages(each)]
        case _:
            return [page for each in nav for page in _pages(each)]


def test_every_document_is_in_the_navigation() -> None:
    """The navigation has each document once, but for the single decisions, which their own list has."""
    documents = [path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")]
    own = {place(path) for path in [*documents, *PAGES] if not path.startswith("docs/adr/0")}
    assert sorted(_pages(CONFIG["nav"])) == sorted(own)


def test_nothing_is_loaded_from_elsewhere() -> None:
    """No web font, no plugin but the search, no address of a repository, a CDN or a measurement."""
    assert CONFIG["theme"]["font"] is False
    assert [plugin if isinstance(plugin, str) else next(iter(plugin)) for plugin in CONFIG["plugins"]] == ["search"]
    assert not CONFIG.keys() & {"repo_url", "site_url", "extra", "extra_javascript"}
    assert "://" not in (ROOT / "mkdocs.yml").read_text("utf-8")


@pytest.mark.parametrize(
    ("path", "target", "wanted"),
    [
        ("README.md", "docs/operations.md#keys", "operations.md#keys"),
        ("README.md", "docs/adr/README.md", "adr/README.md"),
        ("README.md", "docs/flow.svg", "flow.svg"),
        ("README.md", "Procfile", "files/Procfile.md"),
        ("docker/README.md", "../docs/operations.md", "operations.md"),
        ("docs/publishing.md", "../README.md#an-event", "index.md#an-event"),
        ("docs/policies.md", "../policies/default.toml", "files/policies/default.toml.md"),
        ("docs/adr/0001-x.md", "../../mailer/app.py", "../files/mailer/app.py.md"),
        ("docs/reference/routes.md", "../links.md", "../links.md"),
        ("docs/links.md", "#a", "#a"),
        ("docs/links.md", "https://www.rfc-editor.org/", "https://www.rfc-editor.org/"),
    ],
)
def test_a_link_leads_to_a_page(path: str, target: str, wanted: str) -> None:
    """A link of a document leads to the page that shows what it leads to; code is left as it is."""
    code = f"```text\n[a]({target})\n```\n"
    assert rewritten(f"See [a [b] c]({target}).\n{code}", path) == f"See [a [b] c]({wanted}).\n{code}"


def test_a_page_is_of_a_document() -> None:
    """Each page is made of the document that is shown there."""
    for path in [*PAGES, "docs/operations.md", "docs/adr/README.md"]:
        assert source(place(path)) == path


def test_a_file_that_is_linked_is_shown() -> None:
    """A file outside the documents has a page, which the search leaves out; it is shown to its last line."""
    assert [*linked("[a](../Procfile) [b](links.md) [c](../README.md)", "docs/x.md")] == ["Procfile"]
    page = shown("Procfile")
    assert "exclude: true" in page
    assert (ROOT / "Procfile").read_text("utf-8").strip() in page


def test_a_heading_is_linked_as_on_github() -> None:
    """Fragments are the same on the site and in the repository."""
    assert slug("What happens when …", "-") == "what-happens-when-"
    assert slug("Operate: `mailer stop`", "-") == "operate-mailer-stop"


@pytest.mark.parametrize(
    ("head", "body", "fault"),
    [
        ("", '<a href="b.html#here">b</a> <a href="https://example.org/">out</a>', None),
        ("", '<a href="c.html">c</a>', "a.html: c.html leads to no file"),
        ("", '<a href="b.html#there">b</a>', "a.html: b.html#there leads to no heading"),
        ('<script src="https://cdn.example/x.js"></script>', "", "a.html: loads https://cdn.example/x.js"),
        ('<link rel="stylesheet" href="//fonts.example/x.css">', "", "a.html: loads //fonts.example/x.css"),
        ("", '<img src="https://example.org/badge.svg">', "a.html: loads https://example.org/badge.svg"),
    ],
)
def test_faults_of_a_site_are_found(tmp_path: Path, head: str, body: str, fault: str | None) -> None:
    """A thing loaded from elsewhere and a dead link are faults. A link to elsewhere is not."""
    (tmp_path / "a.html").write_text(f"<head>{head}</head><body>{body}</body>", "utf-8")
    (tmp_path / "b.html").write_text('<h1 id="here">b</h1>', "utf-8")
    assert [*faults(tmp_path)] == ([fault] if fault else [])


def test_a_style_that_loads_a_font_is_found(tmp_path: Path) -> None:
    """A style sheet is looked through, too."""
    (tmp_path / "x.css").write_text('@font-face { src: url("https://fonts.example/x.woff2") }', "utf-8")
    assert [*faults(tmp_path)] == ["x.css: loads https://fonts.example/x.woff2"]


def test_the_files_of_pages_are_there() -> None:
    """Each file that the site takes from outside `docs/` exists, and no two documents have one page."""
    assert all((ROOT / path).is_file() for path in PAGES)
    assert not {name for name in PAGES.values() if (ROOT / posixpath.join("docs", name)).exists()}
