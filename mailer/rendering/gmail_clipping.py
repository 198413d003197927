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
    if at < 0:
        return f"{size}; shorten it"
    shown = "is shown" if at + len(leave_link or "") < CLIPS_AT else "is hidden"
    return f"{size}; the link to leave begins at octet {at:,} and {shown}; shorten what stands before it"
