"""Commands in odd surroundings: files that are broken, other locales, arguments that are no text."""

import asyncio
import json
import shutil

import pytest

from mailer import bundled_files
from mailer.policy.publisher_rights import OWN_TEMPLATES
from tests.acceptance.samples import event, people
from tests.processes import Stack
from tests.spawning import MAILER

ASCII = {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
"""A locale that is not UTF-8, which Python else would make UTF-8 by itself."""
NAME = "Zoë Ærø 日本"


def last_line(err: str) -> str:
    """The last line of an error. Warnings may stand before it."""
    return err.splitlines()[-1]


async def test_a_quote_that_is_never_closed_ends_the_import(small_stack: Stack) -> None:
    """An open quote ends the import with status 1 and a line that names the place and the rows before it (case S9)."""
    lines = [f"u{number},u{number}@example.org,Ann\n" for number in range(3_000)]
    lines[1_000] = 'u1000,u1000@example.org,"Ann\n'
    (small_stack.folder / "people.csv").write_text("ref,email,name\n" + "".join(lines), "utf-8")
    done = await small_stack.run("recipients", "import", "people.csv", "--brand", "interpals", "--json")
    assert done.status == 1
    assert done.json["taken"] == 1_000
    assert last_line(done.err).startswith("mailer: people.csv: line 1,002: a quote is opened in this line")
    assert "1,000 were taken and 0 rejected, and nothing from there on" in done.err
    assert await small_stack.value("SELECT count(*) FROM recipients") == 1_000


async def test_files_are_utf_8_in_every_locale(small_stack: Stack) -> None:
    """The locale changes neither the events that are published from a file nor the printed text (case S15)."""
    value = event("one-ü", "interpals", "newsletter", people("ann", name=NAME))
    (small_stack.folder / "event.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(value, ensure_ascii=False).encode())
    (small_stack.folder / "broken.json").write_bytes(json.dumps(value, ensure_ascii=False).encode("latin-1", "replace"))
    elsewhere = small_stack.with_env(**ASCII)
    published = await elsewhere.done("publish", "event.json", "--json")
    refused = await elsewhere.run("publish", "broken.json")
    by_pipe = await elsewhere.done("publish", "-", stdin=json.dumps({**value, "id": "two-ü"}, ensure_ascii=False))
    assert published.json == [{"id": "one-ü", "brand": "interpals"}]
    assert by_pipe.out == "Published 1 event.\n"
    assert (refused.status, "is not UTF-8" in refused.err) == (2, True)
    bodies = await small_stack.query("SELECT body FROM outbox ORDER BY id")
    assert [json.loads(row["body"])["to"]["people"][0]["name"] for row in bodies] == [NAME, NAME]


async def test_an_event_of_one_line_may_have_other_ends_of_lines_in_it(small_stack: Stack) -> None:
    """U+2028 in a text ends no line of the file."""
    lines = [
        json.dumps(
            {
                **event(name, "interpals", "newsletter", people("ann")),
                "context": {"headline": "Hi", "more": "a\u2028b"},
            },
            ensure_ascii=False,
        )
        for name in ("one", "two")
    ]
    done = await small_stack.done("publish", "-", stdin="\n".join(lines))
    assert done.out == "Published 2 events.\n"


@pytest.mark.parametrize(
    ("argument", "what"),
    [
        (b"a\xff", "is not UTF-8"),
        (b"a\x1b[31m", "has a line break or control character"),
        ("a\u202eb".encode(), "has a character that turns the direction"),
        (b"e" + 31 * "\u0301".encode(), "has more than 30 marks on one letter"),
        (b"a" * 5_000, "has 5,000 characters; at most 4,096"),
    ],
)
async def test_an_argument_is_a_text(small_stack: Stack, argument: bytes, what: str) -> None:
    """An argument that cannot stand in the ledger is refused in one line, with status 2."""
    process = await asyncio.create_subprocess_exec(
        *MAILER,
        *("suppressions", "explain", "--brand", "interpals", "--ref"),
        argument,
        stderr=asyncio.subprocess.PIPE,
        env=small_stack.env,
        cwd=small_stack.folder,
    )
    _, err = await process.communicate()
    assert (process.returncode, err.decode().count("\n")) == (2, 1)
    assert err.decode().startswith(f"mailer: argument 6 {what}")


async def test_an_argument_is_utf_8_in_every_locale(small_stack: Stack) -> None:
    """An argument is read as UTF-8, even if Python was told another encoding."""
    process = await asyncio.create_subprocess_exec(
        *MAILER,
        *("suppressions", "explain", "--brand", "interpals", "--ref", NAME.encode()),
        stderr=asyncio.subprocess.PIPE,
        env={**small_stack.env, **ASCII},
        cwd=small_stack.folder,
    )
    _, err = await process.communicate()
    assert last_line(err.decode()) == f"mailer: interpals has no recipient {NAME}"


@pytest.mark.parametrize(
    "arguments",
    [
        (
            "suppressions",
            "add",
            "--brand",
            "interpals",
            "--ref",
            "a",
            "--by",
            "D",
            "--source",
            "x",
            "--expires",
            "2020",
        ),
        ("quarantine", "believe", "--processor", "x", "--by", "D", "--since", "0001-01-01T00:00:00+14:00"),
        ("policy", "explain", "--recipient", "a", "--template", "weekly", "--on", "9999-12-31T23:59:59-14:00"),
        ("rate", "warm-up", "processor", "relay", "1,2", "--from", "9999-12-31"),
        ("dead", "list", "--limit", "1" + "0" * 30),
        ("dead", "list", "--since", "0001-01-01T00:00:00+14:00"),
        ("dead", "replay", "--until", "9999-12-31T23:59:59-14:00"),
        ("mailing", "list", "--limit", "1" + "0" * 30),
        ("processors", "confirm-erasure", "--recipient", "1" + "0" * 30, "--processor", "x", "--by", "D"),
        ("suppressions", "lift", "-1", "--brand", "interpals", "--by", "D", "--reason", "x", "--since", "2026-01-01"),
        (
            "suppressions",
            "lift",
            "1",
            "--brand",
            "interpals",
            "--by",
            "D",
            "--reason",
            "x",
            "--since",
            "9999-12-31T23:59:59-14:00",
        ),
    ],
)
async def test_times_and_numbers_out_of_range_are_refused(small_stack: Stack, arguments: tuple[str, ...]) -> None:
    """Times and numbers out of range are refused in one line, with status 2."""
    done = await small_stack.run(*arguments)
    assert done.status == 2
    assert last_line(done.err).startswith("mailer: ")
    assert "Traceback" not in done.err


async def test_an_event_is_previewed_before_it_is_published(small_stack: Stack) -> None:
    """Subject, text and HTML of an event are shown with its own values; one that would be refused says why."""
    weekly = {**event("one", "interpals", "newsletter", people("ann")), "context": {"headline": "Ten rooms"}}
    (small_stack.folder / "weekly.json").write_text(json.dumps(weekly), "utf-8")
    (small_stack.folder / "bad.json").write_text(json.dumps({**weekly, "context": {}}), "utf-8")
    long = {**weekly, "context": {"headline": "Ten rooms", "items": [_item(number) for number in range(300)]}}
    (small_stack.folder / "long.json").write_text(json.dumps(long), "utf-8")
    shown = await small_stack.done(
        "templates", "preview", "--event", "weekly.json", "--locale", "de", "--to", "out.html"
    )
    clipped = await small_stack.done("templates", "preview", "--event", "long.json", "--to", "long.html")
    refused = await small_stack.run("templates", "preview", "--event", "bad.json", "--to", "bad.html")
    both = await small_stack.run("templates", "preview", "interpals/weekly", "--event", "weekly.json")
    strange = await small_stack.run("templates", "preview", "interpals/weekly", "--locale", "xx")
    subject, *lines = shown.out.splitlines()
    assert "Ten rooms" in subject
    assert lines == ["Locale:  de of en de ar", "out.html", "out.txt"]
    assert "Warning" not in shown.out
    assert "Ten rooms" in (small_stack.folder / "out.html").read_text("utf-8")
    assert "Ten rooms" in (small_stack.folder / "out.txt").read_text("utf-8")
    page = (small_stack.folder / "long.html").read_bytes()
    said = clipped.out
    assert f"the HTML part has {len(page):,} octets, and Gmail shows the first 104,448" in said
    assert f"the link to leave begins at octet {page.index(b'https://mail.example/u/sample'):,} and is hidden" in said
    assert (refused.status, both.status, strange.status) == (2, 2, 2)
    assert "headline is missing" in refused.err
    assert "there is no xx" in strange.err


async def test_a_check_tells_what_gmail_would_cut_off(small_stack: Stack) -> None:
    """A template that is good, long and pale is named with each language; shipped ones have no warning."""
    folder = small_stack.folder / "long-templates" / "interpals"
    for name in ("_layout", "weekly", *OWN_TEMPLATES):
        shutil.copytree(bundled_files.bundled_folder("templates") / "interpals" / name, folder / name)
    body = folder / "weekly" / "body.html.j2"
    long = f'<p title="{"x" * 110_000}" style="color: #999999">Pale</p>' + "{% endblock %}"
    body.write_text(long.join(body.read_text("utf-8").rsplit("{% endblock %}", 1)), "utf-8")
    stack = small_stack.having(TEMPLATES="long-templates")
    told = (await stack.done("templates", "check", "--json")).json
    shown = await stack.done("templates", "check")
    assert told["faults"] == []
    warned = {
        code: [one["warning"] for one in told["warnings"] if one["template"] == f"interpals/weekly ({code})"]
        for code in ("en", "de", "ar")
    }
    assert sum(map(len, warned.values())) == len(told["warnings"])
    for clipped, pale in warned.values():
        assert "the link to leave begins at octet 1" in clipped
        assert "is hidden" in clipped
        assert pale.startswith('"Pale" has a contrast of 2.')
    assert "Warning: interpals/weekly (ar): The HTML part has 1" in shown.out
    assert (await small_stack.done("templates", "check", "--json")).json["warnings"] == []


def _item(number: int) -> dict[str, str]:
    return {"title": f"Room {number}", "text": "x" * 50, "url": "https://interpals.example/rooms"}
