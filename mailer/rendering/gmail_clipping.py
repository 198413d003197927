"""The size at which Gmail stops to show a mail, and what of it is then hidden."""

CLIPS_AT = 102 * 1024
"""Octets of HTML that Gmail shows; the rest is behind "View entire message"."""
_NEAR = CLIPS_AT * 9 // 10


def clipping_warning(html: str, leave_link: str | None) -> str | None:
    """A warning where an HTML part comes near what Gmail shows, or is beyond it; else None.

    Args:
        html: the part.
        leave_link: the link to leave that it should show, if it is to have one.
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
