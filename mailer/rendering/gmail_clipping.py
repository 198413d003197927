"""A warning if an HTML part is so long that Gmail hides its end."""

CLIPS_AT = 102 * 1024
"""The octets of HTML that Gmail shows. The rest is hidden behind "View entire message"."""
_NEAR = CLIPS_AT * 9 // 10


def clipping_warning(html: str, leave_link: str | None) -> str | None:
    """Returns a warning if an HTML part has nearly or more octets than Gmail shows, or None.

    Args:
        html: the part.
        leave_link: the unsubscribe link that the part should show, or None.
    """
    page = html.encode()
    if len(page) < _NEAR:
        return None
    size = f"the HTML part has {len(page):,} octets, and Gmail shows the first {CLIPS_AT:,}"
    at = page.find(leave_link.encode()) if leave_link else -1
    if leave_link is None or at < 0:
        return f"{size}; shorten it"
    shown = "is hidden" if is_clipped_away(html, leave_link) else "is shown"
    return f"{size}; the link to leave begins at octet {at:,} and {shown}; shorten what stands before it"


def is_clipped_away(html: str, link: str) -> bool:
    """Tells whether a link is in an HTML part, and Gmail hides it."""
    page = html.encode()
    at = page.find(link.encode())
    return at >= 0 and at + len(link) >= CLIPS_AT
