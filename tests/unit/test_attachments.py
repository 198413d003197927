"""The files that may be attached: by type, by name, and by content."""

import base64
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.events import EventRefused, validate_event
from mailer.policy.attachments import INERT, attachment_faults, file_extension
from mailer.policy.policy_file import PolicyError, parse_policy
from mailer.rendering.event_checks import check_event_and_get_template
from tests.factories import plain_event, policies, templates
from tests.template_files import ROOT


def refused(allowed: tuple[str, ...] | None = None, **file: Any) -> list[str]:
    """The problems for which a policy refuses a file; empty if the file is accepted."""
    policy = policies()["interpals"]
    if allowed is not None:
        policy = policy.model_copy(update={"attachments": allowed})
    content = base64.b64encode(file.pop("content", b"hi")).decode()
    stated = {"filename": "a.txt", "content_type": "text/plain", "content": content, **file}
    try:
        check_event_and_get_template(
            validate_event(plain_event({"refs": ["u1"]}, attachments=[stated])),
            {**policies(), "interpals": policy},
            templates(),
        )
    except EventRefused as error:
        return list(error.problems)
    return []


@pytest.mark.parametrize("content_type", INERT)
def test_what_is_only_shown_is_attached(content_type: str) -> None:
    """Documents, pictures and plain texts need no word of the policy."""
    assert refused(content_type=content_type, filename="a") == []


@pytest.mark.parametrize(
    "content_type",
    [
        "text/html",
        "text/javascript",
        "text/xml",
        "image/svg+xml",
        "application/javascript",
        "application/xhtml+xml",
        "application/x-msdownload",
        "application/octet-stream",
        "application/x-never-heard-of",
        "text/x-never-heard-of",
    ],
)
def test_what_may_run_is_attached_by_a_policy_that_says_so(content_type: str) -> None:
    """Active types and unknown ones are refused, unless the brand's policy names them."""
    [problem] = refused(content_type=content_type, filename="a")
    assert problem.startswith(f"attachments.0.content_type: is {content_type}, and only application/pdf, ")
    assert refused(allowed=(content_type,), content_type=content_type, filename="a") == []
    assert refused(allowed=(), content_type="text/plain") != []


BLANKS = " \u200b\u00ad\u3000"


@pytest.mark.parametrize(
    "filename",
    [
        "a.html",
        "invoice.pdf.HTML",
        "a.svg",
        "a.js",
        "a.exe",
        "a.lnk",
        "invoice.pdf.exe. . ",
        "a\uff0e\uff45\uff58\uff45",
        "a.exe\u200b",
        "a.ex\u200de",
        "a.html\u00ad",
        "a.docm",
        "a.cmd\u3000",
    ],
)
def test_a_name_is_not_what_its_type_says(filename: str) -> None:
    """A reader's machine opens a file by the end of its name, however that is written."""
    [problem] = refused(filename=filename, content_type="application/pdf")
    blank = "attachments.0.filename: begins or ends with a blank"
    assert problem.startswith("attachments.0.filename: ends with ." if filename[-1] not in BLANKS else blank)


def test_a_page_may_go_out_under_a_policy_that_attaches_pages() -> None:
    """Types that a policy attaches may be called so; a program never goes out."""
    assert refused(allowed=("text/html",), filename="a.html", content_type="text/html") == []
    assert refused(allowed=("text/html",), filename="a.svg", content_type="text/html") != []
    assert refused(allowed=("text/html", "application/x-msdownload"), filename="a.exe", content_type="text/html") != []


@pytest.mark.parametrize(
    "filename", ["../a.txt", "/etc/passwd", "..\\a.txt", "C:a.txt", "a.txt:x", "a/b", "..a/..", "\\\\host\\a"]
)
def test_a_name_has_no_path(filename: str) -> None:
    """A file is saved where its reader wants it."""
    assert refused(filename=filename) == [
        "attachments.0.filename: has a path part; write the name alone, such as invoice.pdf"
    ]


@pytest.mark.parametrize("filename", ["..", ".", " . "])
def test_dots_are_no_name(filename: str) -> None:
    """A folder's name for itself, or for the one above it, is no name of a file."""
    [problem] = refused(filename=filename)
    assert problem.startswith("attachments.0.filename: is blank")


@pytest.mark.parametrize("turn", "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
def test_a_name_reads_as_it_is(turn: str) -> None:
    """No character of a name turns its direction."""
    [problem] = refused(filename=f"invoice{turn}fdp.txt")
    assert problem.startswith("attachments.0.filename: has a character that turns the direction of text")


@pytest.mark.parametrize("content", ["Größe".encode("latin-1"), "\ufeffhi".encode("utf-16"), b"\xff"])
@pytest.mark.parametrize("content_type", ["text/plain", "text/csv"])
def test_a_text_is_in_utf8(content: bytes, content_type: str) -> None:
    """A text whose charset nobody knows is refused; other files are any octets."""
    [problem] = refused(content=content, content_type=content_type)
    assert re.fullmatch(
        rf"attachments\.0\.content: is {content_type} and not in UTF-8 \(octet \d\); save it in UTF-8", problem
    )
    assert refused(content=content, content_type="application/pdf", filename="a.pdf") == []
    assert refused(content="Größe, مرحبًا".encode(), content_type=content_type) == []


@given(st.text(max_size=30), st.sampled_from(["exe", "html", "js", "lnk"]), st.text(" .\u200b\u00ad\u2060", max_size=5))
def test_no_ending_hides(name: str, ending: str, behind: str) -> None:
    """An ending is found, whatever stands before it and whatever invisible characters stand behind it."""
    assert file_extension(f"{name}.{ending.upper()}{behind}") == ending
    assert list(attachment_faults(INERT, f"{name}.{ending}{behind}", "text/plain")) != []


def test_a_policy_names_types() -> None:
    """A word that is no type is refused with its place. Without the key, only inert types are attached."""
    text = (ROOT / "policies" / "interpals.toml").read_text("utf-8")
    assert parse_policy(text, "interpals.toml").attachments == INERT
    assert parse_policy('attachments = ["text/html"]\n' + text, "interpals.toml").attachments == ("text/html",)
    with pytest.raises(PolicyError, match="a content type, such as application/pdf"):
        parse_policy('attachments = ["html"]\n' + text, "interpals.toml")
