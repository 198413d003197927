"""Links of breach notices: only to the brand's own pages and mailboxes, since strangers copy such notices (M3AAWG)."""

from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from mailer.policy.policy_file import Policy
from mailer.rendering.campaign_link_checks import is_same_or_below
from mailer.rendering.letter_content import BulletList, LetterContent


def links_of_content(content: LetterContent) -> Iterator[str]:
    """Yields the addresses of all links."""
    for section in content.sections:
        for block in section.blocks:
            for paragraph in block.items if isinstance(block, BulletList) else (block,):
                yield from (run.href for run in paragraph.runs if run.href is not None)


def find_foreign_links(content: LetterContent, policy: Policy) -> Iterator[str]:
    """Yields the links that lead neither to a telephone nor to a host or mailbox of the brand."""
    own = (policy.domain, *policy.reply_domains)
    for url in links_of_content(content):
        host = _host_of_link(url)
        if host is not None and not any(is_same_or_below(host, domain.lower()) for domain in own):
            yield url


def _host_of_link(url: str) -> str | None:
    """Returns the host of a page or mailbox; None for a telephone; empty where it is not clear."""
    scheme, _, rest = url.partition(":")
    if scheme.lower() == "tel":
        return None
    if scheme.lower() == "mailto":
        addresses, _, parameters = rest.partition("?")
        is_plain = not parameters and "," not in unquote(addresses)
        return unquote(addresses).rpartition("@")[2].lower() if is_plain else ""
    try:
        parts = urlsplit(url)
        is_plain = parts.scheme == "https" and "@" not in parts.netloc and "\\" not in unquote(parts.netloc)
        return (parts.hostname or "").lower() if is_plain else ""
    except ValueError:
        return ""
