"""The checks of attached files: their content type, and their name, since the name decides which program opens them."""

import re
from collections.abc import Collection, Iterator
from typing import Annotated, Final

from pydantic import Field

from mailer.policy.text_folding_for_comparison import normalized
from mailer.policy.text_formats import CONTENT_TYPE

ContentType = Annotated[str, Field(pattern=CONTENT_TYPE)]
INERT: Final = (
    "application/pdf",
    "image/gif",
    "image/jpeg",
    "image/png",
    "image/webp",
    "text/calendar",
    "text/csv",
    "text/plain",
)
"""The types that a policy allows if it names none. Programs show such files and do not run them."""

_PAGE, _SCRIPT, _XML = ("text/html",), ("text/javascript", "application/javascript"), ("application/xml", "text/xml")
_PAGES: Final = {
    "htm": _PAGE,
    "html": _PAGE,
    "js": _SCRIPT,
    "mjs": _SCRIPT,
    "shtml": _PAGE,
    "svg": ("image/svg+xml",),
    "svgz": ("image/svg+xml",),
    "xht": ("application/xhtml+xml",),
    "xhtml": ("application/xhtml+xml",),
    "xml": _XML,
    "xsl": ("application/xslt+xml", *_XML),
    "xslt": ("application/xslt+xml", *_XML),
}
"""The types of files, by the end of their names, that a browser opens and in which scripts run."""

_PROGRAMS: Final = re.compile(
    r"ade|adp|apk|app|appx|appxbundle|bat|cab|chm|cmd|com|command|cpl|deb|desktop|diagcab|dll|dmg|docm|dotm|"
    r"exe|gadget|hta|img|inf|ins|iso|isp|jar|jnlp|job|jse|lib|library-ms|lnk|mde|mht|mhtml|msc|msh|msi|msix|"
    r"msixbundle|msp|mst|one|pif|pkg|potm|ppam|pptm|ps1|psc1|psd1|psm1|py|pyw|reg|rpm|scf|scr|sct|search-ms|"
    r"settingcontent-ms|sh|shb|sldm|swf|sys|url|vb|vbe|vbs|vhd|vhdx|vxd|webloc|website|workflow|wsc|wsf|wsh|"
    r"xlam|xll|xlsm|xltm"
)
"""The ends of the names of files that run, or that lead to what runs, when they are opened."""

_BEHIND: Final = re.compile(r"[^\w-]+$")


def attachment_faults(allowed: Collection[str], filename: str, content_type: str) -> Iterator[str]:
    """Yields the reasons why a file cannot be attached, each with its field.

    Args:
        allowed: the content types that the policy attaches. All others are refused, known or not.
        filename: as the reader gets it.
        content_type: as it was published.
    """
    if content_type not in allowed:
        yield (
            f"content_type: is {content_type}, and only {', '.join(sorted(allowed)) or 'nothing'} is attached; "
            "add it to attachments in the policy, or link to the file"
        )
    ending = file_extension(filename)
    if _PROGRAMS.fullmatch(ending):
        yield f"filename: ends with .{ending}, which runs when it is opened; link to the file"
    elif (types := _PAGES.get(ending)) and not any(one in allowed for one in types):
        yield (
            f"filename: ends with .{ending}, which opens as {types[0]} whatever its type says; "
            f"add {types[0]} to attachments in the policy, or link to the file"
        )


def file_extension(filename: str) -> str:
    """Returns the end of a file name after the last dot, as operating systems read it; empty if there is no dot.

    Windows drops dots and blanks at the end, and nobody sees characters without a width.
    """
    seen = "".join(char for char in normalized("NFKC", filename) if char.isprintable())
    _, _, ending = _BEHIND.sub("", seen).rpartition(".")
    return ending.casefold()
