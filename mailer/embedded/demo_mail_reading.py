"""Reads a mail, and the page behind its link, as a mail program and a browser do."""

import re
from html.parser import HTMLParser
from urllib.parse import urlencode

from mailer.ports.captured_mail import CapturedMail

_LINK = re.compile(r"<(http[^>]+)>")


def header_field(mail: CapturedMail, name: str) -> str | None:
    """Returns the value of a header field, or None if the mail lacks it."""
    return next((value for found, value in mail.headers if found.lower() == name.lower()), None)


def is_newsletter_of_brand(mail: CapturedMail, brand: str) -> bool:
    """Tells whether a mail has the List-Id of the brand's newsletter (RFC 2919)."""
    return f"newsletter.{brand}." in (header_field(mail, "List-Id") or "")


def has_no_unsubscribe_link_or_pixel(mail: CapturedMail) -> bool:
    """Tells whether a mail has the form of mandatory mail: no List-Unsubscribe and no pixel."""
    return header_field(mail, "List-Unsubscribe") is None and pixel_url(mail) is None


def one_click_unsubscribe_link(mail: CapturedMail) -> str | None:
    """Returns the http address of List-Unsubscribe (RFC 2369), or None without one-click (RFC 8058)."""
    found = _LINK.search(header_field(mail, "List-Unsubscribe") or "")
    one_click = header_field(mail, "List-Unsubscribe-Post") == "List-Unsubscribe=One-Click"
    return found[1] if found and one_click else None


def pixel_url(mail: CapturedMail) -> str | None:
    """Returns the address of the clear image that counts opens, or None if there is none."""
    page = _parse_html_page(mail.html or "")
    return next((image["src"] for image in page.images if image.get("width") == image.get("height") == "1"), None)


def form_body_posted_by_each_button(html: str) -> list[bytes]:
    """Returns the body that each button of a page would post."""
    return [urlencode([button]).encode() for button in _parse_html_page(html).buttons]


class _ImageAndButtonParser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.images: list[dict[str, str]] = []
        self.buttons: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "img":
            self.images.append(values)
        if tag == "button" and "name" in values:
            self.buttons.append((values["name"], values.get("value", "")))


def _parse_html_page(html: str) -> _ImageAndButtonParser:
    page = _ImageAndButtonParser()
    page.feed(html)
    page.close()
    return page
