from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from mailer.actions.csv_reading import InputRefused
from mailer.actions.importing.row_parsing import RefusedRow
from mailer.actions.importing.table_reading import read_table
from mailer.actions.recipient_import import (
    CHUNK,
    import_recipients,
    refusal_of_other_controllers_import,
)
from mailer.policy.policy_file import Policy
from mailer.ports.recipient_import import RecipientImportRow, WrittenRows
from tests.factories import policies

POLICY = policies()["interpals"]


@dataclass
class Importer:
    """A stand-in for the importer. It keeps all rows."""

    chunks: list[list[RecipientImportRow]] = field(default_factory=list)

    async def import_rows_in_one_transaction(
        self, rows: Sequence[RecipientImportRow], said_at: datetime | None = None, *, dry_run: bool = False
    ) -> WrittenRows:
        """Keeps a chunk."""
        self.chunks.append(list(rows))
        return WrittenRows()


@dataclass
class Import:
    """One import and its messages."""

    policy: Policy = POLICY
    importer: Importer = field(default_factory=Importer)
    rejected: list[RefusedRow] = field(default_factory=list)
    progress: list[int] = field(default_factory=list)

    async def run(self, text: str, from_controller: str | None = None) -> tuple[int, int]:
        """Imports a file's text. Returns how many were taken and refused."""
        done = await import_recipients(
            self.importer,
            self.policy,
            read_table(text.encode()),
            self.rejected.append,
            self.progress.append,
            from_controller,
        )
        return done.taken, done.rejected

    @property
    def rows(self) -> list[RecipientImportRow]:
        """All rows that were written."""
        return [row for chunk in self.importer.chunks for row in chunk]


async def test_addresses_and_languages_are_those_of_events() -> None:
    """A file's lines are read as an event's people: at most 64 octets before the @, old dots, tags in any case."""
    done = Import()
    lines = (f"u1,{'a' * 65}@people.example,en", "u2,a..b@docomo.ne.jp,EN_gb", "u3,c..d@people.example,en")
    assert await done.run("ref,email,locale\n" + "\n".join(lines)) == (1, 2)
    assert [(row.person.email, row.person.locale) for row in done.rows] == [('"a..b"@docomo.ne.jp', "en-GB")]
    assert "65 octets stand before its @" in done.rejected[0].reason


async def test_a_full_line_is_taken() -> None:
    """Every column of a line is read, with any spaces around its value."""
    done = Import()
    header = "ref, email,name,locale,country,source,collected_at,policy_version,opted_out,deactivated,audiences\n"
    line = (
        "u1, ada@people.example ,Ada,en-GB,GB,sign-up,2026-01-01T00:00:00Z,2024,newsletter;promotional,Yes,vip; old\n"
    )
    assert await done.run(header + line) == (1, 0)
    [row] = done.rows
    assert (row.person.ref, row.person.email, row.person.locale) == ("u1", "ada@people.example", "en-GB")
    assert row.opted_out == ("newsletter", "promotional")
    assert (row.deactivated, row.audiences) == (True, ("vip", "old"))
    assert (row.consents, row.person.purpose, row.products) == ((), None, None)


CONSENTED = (
    "ref,email,source,collected_at,purpose,consents,consent_source,consent_version,consent_at,consent_words,paid\n"
)
PROOF = 'page,form 2025-01,2025-01-01T12:05:00Z,"Yes, write to me."'


async def test_a_line_brings_consents_with_their_proof() -> None:
    """One line's proof stands for each scope that it names. The controller that asked is known, if it was another."""
    done = Import()
    line = f"u1,ada@people.example,sign-up,,,newsletter; promotional ;tracking,{PROOF},yes\n"
    assert await done.run(CONSENTED + line, "Acme Ltd") == (0, 1), "Acme's lines name its policy's version"
    assert await done.run(CONSENTED + line) == (1, 0)
    [row] = done.rows
    assert [consent.scope for consent in row.consents] == ["newsletter", "promotional", "tracking"]
    [consent, *_] = row.consents
    assert (consent.given, consent.source, consent.version, consent.words, consent.actor) == (
        True,
        "page",
        "form 2025-01",
        "Yes, write to me.",
        "import",
    )
    assert consent.at == datetime(2025, 1, 1, 12, 5, tzinfo=UTC)
    assert row.products == ("*",)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("sign-up,,,newsletter,,,,,", "consent_at: a consent needs the time"),
        ("sign-up,,,newsletter,page,1,2025-01-01T12:00:00Z,,", "a consent needs proof, and this one lacks words"),
        (
            "sign-up,,,newsletter,,,2025-01-01T12:00:00Z,,",
            "a consent needs proof, and this one lacks source, words, ver",
        ),
        *(
            (
                f"sign-up,,,newsletter,page,1,2025-01-01T12:00:00Z,{words},",
                "a consent needs proof, and this one lacks words"
                if words in ("-", "...", "\u200b")
                else "words: nobody says by them",
            )
            for words in ("-", "...", "n/a", "None", "x x x", "ok", "123", "\u200b")
        ),
        (
            "sign-up,,,newsletter,-,-,2025-01-01T12:00:00Z,Yes write to me.,",
            "consent_source: is blank: it has not a letter",
        ),
        ("sign-up,,,newsletter,page,1,2025-01-01,Yes write to me.,", "consent_at: is no time; write it as"),
        ("sign-up,,,newsletter,page,1,soon,Yes write to me.,", "consent_at: is no time; write it as"),
        ("sign-up,,,newsletter,page,1,2199-01-01T12:00:00Z,Yes.,", "at: 2199-01-01T12:00:00+00:00 is in the future"),
        ("sign-up,,,service,page,1,2025-01-01T12:00:00Z,Yes.,", "'service' is no scope of interpals"),
        ("sign-up,,,newsletter,terms of use,1,2025-01-01T12:00:00Z,Yes.,", "source: 'terms of use' is the policy's"),
        ("contest,,sweepstakes,,,,,,", "an address from a contest needs collected_at"),
        ("partner,2025-01-01T12:00:00Z,,,,,,,", "an address from a partner needs purpose"),
        ("contest,,,,,,,,", "an address from a contest needs collected_at and purpose"),
        ("sign-up,,,,,,,,perhaps", "paid: 'perhaps' is neither yes nor no"),
    ],
)
async def test_a_line_without_its_proof_is_rejected(line: str, reason: str) -> None:
    """A line without the proof of its consents, contest or partner is rejected."""
    done = Import()
    assert await done.run(f"{CONSENTED}u1,ada@people.example,{line}\n") == (0, 1)
    assert done.rejected[0].reason.startswith(reason)


@pytest.mark.parametrize(
    ("paid", "products", "found"),
    [
        ("yes", "", ("*",)),
        ("no", "", ()),
        ("", "", None),
        ("", "voice; video;voice", ("video", "voice")),
        ("yes", "voice", ("voice",)),
        ("no", "voice", "products: names some, and paid says no"),
        ("", "Voice Plus", "products"),
        ("", "*", "products"),
    ],
)
async def test_products_of_a_line(paid: str, products: str, found: tuple[str, ...] | str | None) -> None:
    """A line names products by their slugs; `paid` alone means every one, or none; nothing said leaves what was."""
    done = Import()
    line = f"ref,email,paid,products\nu1,ada@people.example,{paid},{products}\n"
    taken = not isinstance(found, str)
    assert await done.run(line) == (int(taken), int(not taken))
    if isinstance(found, str):
        assert done.rejected[0].reason.startswith(found)
    else:
        assert done.rows[0].products == found


async def test_a_confirmed_subscription_is_proven() -> None:
    """A file brings confirmed subscriptions only, if the brand accepts no others."""
    line = f"u1,ada@people.example,sign-up,,,newsletter,{PROOF},\n"
    done = Import(policies()["paltalk-2006"])
    assert await done.run(CONSENTED + line) == (0, 1)
    assert done.rejected[0].reason.startswith("paltalk-2006 takes confirmed subscriptions to newsletter only")
    assert await done.run(CONSENTED + line.replace("page", "confirmed")) == (0, 1)
    assert done.rejected[1].reason.startswith("proof: a consent is confirmed by a link in a mail")
    proven = CONSENTED.replace(",paid", ",consent_proof"), line.replace("page", "confirmed")
    for proof, taken in (("", 0), ("-", 0), ("yes", 0), ("message-id:<8121@old.example>", 1)):
        assert await done.run(proven[0] + proven[1].replace('.",', f'.",{proof}')) == (taken, 1 - taken)


async def test_what_was_taken_over_says_under_which_promises() -> None:
    """A line of another controller has its source and the version of that controller's policy, or is rejected."""
    done = Import()
    header = CONSENTED.replace("paid", "policy_version")
    lines = [
        f"u1,a@people.example,sign-up,,,newsletter,{PROOF},Acme 2019\n",
        f"u2,b@people.example,sign-up,,,newsletter,{PROOF},\n",
        f"u3,c@people.example,,,,newsletter,{PROOF},Acme 2019\n",
    ]
    assert await done.run(header + "".join(lines), "Acme Ltd") == (1, 2)
    assert done.rows[0].consents[0].controller == "Acme Ltd"
    assert {line.reason for line in done.rejected} == {
        "an address of Acme Ltd needs source and policy_version: under which of its policies it was given"
    }


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("u1,ada", "email: not an e-mail address"),
        (",ada@people.example", "ref: Field required"),
        ("u1,", "email: Field required"),
        ("u1,ada@people.example,klingonish", "locale: is no language tag; write a language"),
        ("u1,ada@people.example,,service", "opted_out: 'service' cannot be left; it takes newsletter,"),
        ("u1,ada@people.example,,nonsense", "opted_out: 'nonsense' cannot be left"),
        ("u1,ada@people.example,,,perhaps", "deactivated: 'perhaps' is neither yes nor no"),
        ("u1,ada@people.example,,,,Not A Name", "audiences: String should match pattern"),
        ("u1,ada@people.example,,,,,more", "more values than columns; quote values that hold a comma"),
        ('"u\x001",ada@people.example', "has a NUL character; remove it"),
    ],
)
async def test_a_bad_line_is_rejected_with_its_reason(line: str, reason: str) -> None:
    """A bad line is kept aside, as it stood, with its number and what is wrong; the others are taken."""
    done = Import()
    header = "ref,email,locale,opted_out,deactivated,audiences\n"
    assert await done.run(f"{header}good,grace@people.example\n{line}\n") == (1, 1)
    [rejected] = done.rejected
    assert rejected.number == 3
    assert rejected.reason.startswith(reason)
    assert [row.person.ref for row in done.rows] == ["good"]


async def test_everything_optional_can_be_left() -> None:
    """The star is all optional mail."""
    done = Import()
    await done.run("ref,email,opted_out\nu1,ada@people.example,*\n")
    assert done.rows[0].opted_out == ("*",)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("name,colour", "the header line lacks ref and email"),
        ("ref,email,name,email", "the header line names email twice"),
        ("ref,email,opted_ot", "the column 'opted_ot' looks like 'opted_out', which keeps mail from people"),
    ],
)
async def test_a_file_without_the_columns_is_refused(header: str, message: str) -> None:
    """A file that is no list of recipients is refused before a line of it is taken."""
    with pytest.raises(InputRefused, match=message):
        await Import().run(f"{header}\n1,2,3\n")


async def test_two_lines_of_one_ref() -> None:
    """The later line's data win, and what either line says has been left stays left."""
    done = Import()
    header = "ref,email,opted_out,deactivated,audiences\n"
    lines = "u1,old@x.example,newsletter,yes,a\nu1,new@x.example,promotional,,b\n"
    assert await done.run(header + lines) == (1, 0)
    [row] = done.rows
    assert row.person.email == "new@x.example"
    assert (row.opted_out, row.deactivated, row.audiences) == (("newsletter", "promotional"), True, ("a", "b"))


async def test_it_goes_by_chunks() -> None:
    """A large file is written a chunk at a time, with the progress told after each."""
    done = Import()
    lines = "".join(f"u{n},u{n}@people.example\n" for n in range(CHUNK + 10))
    assert await done.run("ref,email\n" + lines) == (CHUNK + 10, 0)
    assert [len(chunk) for chunk in done.importer.chunks] == [CHUNK, 10]
    assert done.progress == [CHUNK, 10]


async def test_a_write_that_fails_ends_the_import() -> None:
    """A failed write ends the import. The next chunk, which is read already, is not written."""

    class Failing(Importer):
        async def import_rows_in_one_transaction(
            self, rows: Sequence[RecipientImportRow], said_at: datetime | None = None, *, dry_run: bool = False
        ) -> WrittenRows:
            await super().import_rows_in_one_transaction(rows)
            raise ConnectionError("the database is away")

    done = Import(importer=Failing())
    lines = "".join(f"u{n},u{n}@people.example\n" for n in range(2 * CHUNK))
    with pytest.raises(ConnectionError):
        await done.run("ref,email\n" + lines)
    assert [len(chunk) for chunk in done.importer.chunks] == [CHUNK]
    assert done.progress == []


async def test_a_short_line_is_taken_by_what_it_has() -> None:
    """Columns that a line does not reach are empty. Empty lines are skipped."""
    done = Import()
    assert await done.run("ref,email,name\n\nu1,ada@people.example\n\nu2\n") == (1, 1)
    assert done.rows[0].person.name is None
    assert [(row.number, row.cells, row.reason) for row in done.rejected] == [(5, ("u2",), "email: Field required")]


@pytest.mark.parametrize(
    ("controller", "suppressions", "says"),
    [
        (None, None, None),
        ("Acme", "left.csv", None),
        ("Acme", None, "come with its suppressions"),
        *((name, "left.csv", "is no name") for name in ("", " ", "\u2003", "Acme\nLtd", "A" * 201)),
    ],
)
def test_another_controller_has_a_name(controller: str | None, suppressions: str | None, says: str | None) -> None:
    """Data of another controller need its name, with letters in it, and the file of its suppressions."""
    reason = refusal_of_other_controllers_import(controller, suppressions)
    assert reason is None if says is None else says in str(reason)
