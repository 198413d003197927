"""The contents of a preview's frame, in which nothing runs, loads or is sent."""

import re

from fastapi.responses import HTMLResponse, Response

_BODY_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; form-action 'none'; base-uri 'none'; "
        "frame-ancestors 'self'; sandbox"
    ),
    "x-frame-options": "SAMEORIGIN",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}
_DARK = re.compile(r"@media\s*\(\s*prefers-color-scheme\s*:\s*dark\s*\)")


def frame_body(html: str, status: int = 200) -> Response:
    """Returns HTML for the frame of a preview."""
    return HTMLResponse(html, status, _BODY_HEADERS)


def as_in_dark_mode(html: str) -> str:
    """Returns HTML as a mail program in dark mode shows it: the styles for dark mode hold, on a dark ground."""
    scheme = '<head><meta name="color-scheme" content="dark">'
    return _DARK.sub("@media all", html).replace("<head>", scheme, 1)


def page_of_text(body: str) -> str:
    """Returns a page that shows a text, or faults, in the frame."""
    head = '<meta charset="utf-8"><meta name="color-scheme" content="light dark"><title>Preview</title>'
    rules = "body{font:1rem/1.5 system-ui,sans-serif;margin:1rem}pre{white-space:pre-wrap;overflow-wrap:anywhere}"
    return f'<!doctype html><html lang="en"><head>{head}<style>{rules}</style></head><body>{body}</body></html>'
