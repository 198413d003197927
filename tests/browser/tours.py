"""A tour of pages in a browser: each step asserts where it has arrived, and then has the page looked at."""

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from fastapi import FastAPI
from jinja2 import Environment
from playwright.async_api import Page

from tests.integration.test_role_matrix import routes_of

_READ = """() => {
  const root = document.documentElement, headings = [...document.querySelectorAll("h1")].map((one) => one.innerText);
  const elements = root.getElementsByTagName("*").length;
  return { headings, elements, lang: root.lang, dir: root.dir, direction: getComputedStyle(document.body).direction };
}"""


@dataclass(frozen=True)
class Sight:
    """A page as the tour finds it.

    Attributes:
        name: the path and the heading. headings: the main headings. elements: the number of elements.
        lang, dir: the attributes of the document. direction: the computed direction of its text.
    """

    name: str
    headings: list[str]
    elements: int
    lang: str
    dir: str
    direction: str


Look = Callable[[Page, Sight], Awaitable[None]]
"""A look at a page."""


@dataclass
class Tour:
    """A tour by one page of a browser, whose addresses are relative to the site.

    Attributes:
        page: of the browser.
        look: called with each page that the tour arrives at.
        paths: the paths that were opened or arrived at.
    """

    page: Page
    look: Look
    paths: list[str] = field(default_factory=list)

    async def open(self, path: str, heading: str, status: int = 200) -> None:
        """Opens a page, which has to have this heading and status."""
        answer = await self.page.goto(path)
        assert answer is not None
        assert answer.status == status, (path, answer.status)
        self.paths.append(path)
        await self._arrive(heading)

    async def press(self, button: str, heading: str, typed: Mapping[str, str] = {}, *ticked: str) -> None:
        """Fills fields in, ticks boxes, presses a button, and arrives at a page with this heading."""
        for where, text in typed.items():
            await self.page.fill(where, text)
        for box in ticked:
            await self.page.check(box)
        async with self.page.expect_navigation():
            await self.page.click(button)
        await self._arrive(heading)

    async def look_at(self, heading: str) -> None:
        """Looks at the page that is shown, which has to have this heading."""
        sight = Sight(f"{self.paths[-1]} ({heading})", **await self.page.evaluate(_READ))
        assert sight.headings == [heading], (self.page.url, sight.headings, heading)
        await self.look(self.page, sight)

    async def _arrive(self, heading: str) -> None:
        self.paths.append(re.sub(r"^https?://[^/]+", "", self.page.url))
        await self.look_at(heading)


@contextmanager
def names_of_rendered_templates(*environments: Environment) -> Iterator[set[str]]:
    """Collects the names of the templates that are rendered meanwhile, with the layouts and parts that they use."""
    names = set[str]()
    with ExitStack() as stack:
        for environment in environments:
            get = environment.get_template

            def get_and_note(name: str, *more: Any, _get: Callable[..., Any] = get) -> Any:
                names.add(name)
                return _get(name, *more)

            stack.enter_context(patch.object(environment, "get_template", get_and_note))
        yield names


def templates_in(folder: Path) -> set[str]:
    """The names of the templates of pages in a folder."""
    return {file.name for file in folder.glob("*.html.j2")}


def routes_not_visited(app: FastAPI, prefix: str, paths: list[str]) -> set[str]:
    """The paths of GET routes below a prefix that no visited path belongs to."""
    routes = list(dict.fromkeys(path for method, path in routes_of(app) if method == "GET" and path.startswith(prefix)))
    patterns = [(path, re.compile(re.sub(r"\\{[^}]+\\}", "[^/]+", re.escape(path)))) for path in routes]
    visited = set[str]()
    for path in paths:
        plain = re.split(r"[?#]", path)[0]
        visited.update([route for route, pattern in patterns if pattern.fullmatch(plain)][:1])
    return set(routes) - visited
