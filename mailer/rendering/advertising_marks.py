"""Marks of advertising that the law of some countries requires: a label before the subject, and a line in the body."""

from html import escape
from typing import Final

from mailer.policy.category import Category
from mailer.policy.jurisdiction import AdvertisingMark
from mailer.policy.rule_registry import rule
from mailer.rendering.mail_merge import MergeForm, Pieces

_END: Final = "</body>"


def _leave_unmarked(form: MergeForm, mark: AdvertisingMark | None, category: Category, locale: str) -> MergeForm:
    return form


@rule(
    "advertising-marks",
    "CAN-SPAM 5(a)(5)(A)(i); E-Commerce Directive Art. 6(a); Network Act (KR) Art. 50(4); jurisdictions/*.toml",
    idle=_leave_unmarked,
)
def add_advertising_marks(form: MergeForm, mark: AdvertisingMark | None, category: Category, locale: str) -> MergeForm:
    """Marketing is labelled, in the subject or in both parts, where the law of the reader's country wants that.

    Args:
        form: the message, in one language.
        mark: the mark of the country; None: the country requires none.
        category: the category of the mail for this person; only categories that promote get the line.
        locale: the language of the form.
    """
    if mark is None or not category.markets:
        return form
    subject = form.subject
    if mark.label and not _begins_with_label(subject, mark.label):
        subject = (f"{mark.label} ", *subject)
    line = mark.advertising_line_in_language(locale) if category.promotes else None
    if line is None:
        return MergeForm(subject, form.html, form.text)
    return MergeForm(
        subject, _append_to_html_body(form.html, f'<p dir="auto">{escape(line)}</p>'), (*form.text, f"\n\n{line}\n")
    )


def _begins_with_label(pieces: Pieces, label: str) -> bool:
    return bool(pieces) and isinstance(pieces[0], str) and pieces[0].startswith(label)


def _append_to_html_body(pieces: Pieces, line: str) -> Pieces:
    """Returns the pieces of a page with a line added at the end of its body."""
    for at in range(len(pieces) - 1, -1, -1):
        piece = pieces[at]
        if isinstance(piece, str) and _END in piece:
            head, end, tail = piece.rpartition(_END)
            return (*pieces[:at], f"{head}{line}{end}{tail}", *pieces[at + 1 :])
    return (*pieces, line)
