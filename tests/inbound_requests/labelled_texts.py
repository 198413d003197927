"""Mails to a brand's mailboxes with labels: their request, and whether a person must look at them.

The texts and the labels were written before the reader of requests. Half of them, chosen by a hash, was never looked at
while the reader was written.

A text file has one mail after another. A mail begins with a line `=== MAILBOX REQUEST[:SCOPE] plain|person`, then has
its subject if it has one, an empty line and its words. `plain` may be acted on without a person.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "texts"
SENDER = "jane.roe@example.org"
BRAND_NAME = "Paltalk"
FOOTERS = (
    "You get this mail because you signed up for the newsletter.\nTo unsubscribe, follow this link.",
    "Wenn Sie sich abmelden möchten, klicken Sie hier.",
    "Para darse de baja, pulse aquí.",
    "Pour vous désabonner, cliquez ici.",
    "لإلغاء الاشتراك اضغط هنا.",
    "配信停止はこちら",
)


@dataclass(frozen=True, slots=True)
class LabelledText:
    """A mail with its labels.

    Attributes:
        name: the language and the place in its file, such as en-07.
        scope: of an opt-out: `list`, `all` or `company`; else empty.
        is_plain: whether it may be acted on without a person.
    """

    name: str
    language: str
    mailbox: str
    request: str
    scope: str
    is_plain: bool
    subject: str
    text: str

    @property
    def is_later(self) -> bool:
        """Tells whether the text was written when the reader was nearly done, to try it on something new."""
        return "later" in self.name

    @property
    def is_held_back(self) -> bool:
        """Tells whether the text is in the half that the reader was not written against."""
        content = f"{self.mailbox}\n{self.subject}\n{self.text}"
        return hashlib.sha256(content.encode()).digest()[0] % 2 == 1


def read_one_line_texts(name: str) -> list[str]:
    """Returns the mails of `opt_outs`, which are plain, or of `others`, at which the support mailbox does nothing.

    They were written in six rounds to find faults, which were then corrected.
    """
    return (FOLDER.parent / f"one_line_{name}.txt").read_text(encoding="utf-8").splitlines()


def read_unseen_texts(name: str) -> list[str]:
    """Returns the mails of `plain`, which are opt-outs, or of `others`, on which no mailbox may act, in six languages.

    They were written in two rounds without a look at the reader's phrases, and are not sorted by what it can do.
    """
    paths = sorted((FOLDER.parent / "unseen").glob(f"*-{name}.txt"))
    return [line for path in paths for line in path.read_text(encoding="utf-8").splitlines()]


def read_labelled_texts() -> list[LabelledText]:
    """Returns all mails of all languages."""
    return [text for path in sorted(FOLDER.glob("*.txt")) for text in _read_file(path)]


def _read_file(path: Path) -> Iterator[LabelledText]:
    pieces = re.split(r"^=== ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    for number, piece in enumerate(pieces, 1):
        label, _, rest = piece.partition("\n")
        mailbox, request, certainty = label.split()
        kind, _, scope = request.partition(":")
        subject = ""
        if rest.startswith("Subject:"):
            first, _, rest = rest.partition("\n")
            subject = first.removeprefix("Subject:").strip()
        words = rest.strip("\n").replace("\\u200b", "\u200b")
        name = f"{path.stem}-{number:02}"
        yield LabelledText(name, path.stem[:2], mailbox, kind, scope, certainty == "plain", subject, words)
