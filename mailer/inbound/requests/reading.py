"""The reading of a mail to an opt-out, support or privacy mailbox. Pure, in linear time; no input makes it raise."""

# ruff: noqa: RUF001 - quotation marks and letters of many languages

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from mailer.inbound.requests.clause_reading import NOUNS, ClauseReading, read_clause
from mailer.inbound.requests.clauses import Clause, join_wrapped_lines, split_clauses
from mailer.inbound.requests.conclusions import Findings, conclude
from mailer.inbound.requests.languages import TABLES
from mailer.inbound.requests.marks import DOUBTS, Mark
from mailer.inbound.requests.own_words import separate_own_words
from mailer.inbound.requests.phrase_table import MarkedPhrase, PhraseTable
from mailer.inbound.requests.request_types import MAX_SUBJECT, MAX_TEXT, MailToRead, ReadRequest
from mailer.inbound.requests.stated_names import take_stated_names
from mailer.inbound.requests.word_folding import fold_letters, fold_words
from mailer.policy.text_folding_for_comparison import UNSEEN, normalized

MAX_OWN_CHARACTERS = 1500
"""The most characters of own words that can be plain. People who ask to be left alone write less."""
MAX_CLAUSES = 40
"""The most clauses that can be plain. Later ones are not read."""
_ANSWERED = re.compile(r"(?:\s*(?:re|aw|antw|sv|rv|ref|fwd?|wg|tr|i|رد|返信|転送)(?:\[\d{1,3}\])?\s?:)+", re.IGNORECASE)
_FORWARDED_SUBJECT = re.compile(r"\s*(?:fwd?|wg|tr|rv|i|転送)\s?:", re.IGNORECASE)
_QUOTATION = re.compile(r"[\"“”„«»「」『』]|(?<!\w)['‘‚][^'’\n]{2,60}['’](?!\w)")
_JOKING = re.compile(
    "[\U0001f602\U0001f923\U0001f609\U0001f643\U0001f61c-\U0001f61d\U0001f92a\U0001f606]|;-?\\)|/s(?!\\w)|:-?p(?!\\w)",
    re.IGNORECASE,
)
_FOREIGN_LETTERS = re.compile("[\u0251\u0261\u0131\u0370-\u058f\u13a0-\u13ff]")
_SPLITS = {table.language: table.splits for table in TABLES}
_WORDLESS = {Mark.FILL, Mark.ME, Mark.POLITE, Mark.GREETING}
_DEPENDENT = re.compile(r"(?<!\w)(?:(?:ab|aus|ein|heraus|raus|zu|voll|an)zu\w{2,20}en|zu \w{2,20}en)(?!\w)")
"""A German infinitive that depends on the clause before its comma."""
_SIGNATURE_LINES = 6
_SIGNATURE_WORDS = 7


@dataclass(frozen=True, slots=True)
class _MarkedClause:
    phrases: tuple[MarkedPhrase, ...]
    sentence: int
    is_asked: bool
    is_subject: bool


def read_request(mail: MailToRead) -> ReadRequest:
    """Returns what a mail asks for.

    Args:
        mail: from a stranger. Longer texts than `MAX_TEXT` are cut, and then doubtful.
    """
    text, headline_text = _with_one_width(mail.text, MAX_TEXT), _with_one_width(mail.subject, MAX_SUBJECT)
    is_cut = len(mail.text) > MAX_TEXT or len(mail.subject) > MAX_SUBJECT
    own = separate_own_words(text, mail.footers)
    subject = _subject_of_writer(headline_text)
    own_text = join_wrapped_lines(_without_signature(own.lines))
    body = take_stated_names(own_text[: 2 * MAX_OWN_CHARACTERS])
    headline = take_stated_names(subject)
    brand = fold_words(mail.brand_name, TABLES[0].rules) if mail.brand_name else ()
    clauses = [(clause, True) for clause in split_clauses(headline.text)]
    clauses += [(clause, False) for clause in split_clauses(body.text)]
    is_cut = is_cut or own.is_cut or len(clauses) > MAX_CLAUSES
    language, marked = _mark_clauses(clauses[:MAX_CLAUSES], frozenset(brand))
    written = f"{subject}\n{body.text}"
    findings = Findings(
        mailbox=mail.mailbox,
        body=tuple(_read_clauses(clause for clause in marked if not clause.is_subject)),
        subject=tuple(_read_clauses(clause for clause in marked if clause.is_subject)),
        is_forwarded=own.has_forwarded or _FORWARDED_SUBJECT.match(mail.subject) is not None,
        has_quote=own.has_quote,
        has_link=body.has_link or headline.has_link,
        has_quotation=_QUOTATION.search(written) is not None,
        has_joke=_JOKING.search(written) is not None,
        has_look_alikes=_has_look_alikes(written),
        has_other_address=bool((body.addresses | headline.addresses) - {mail.sender.strip().casefold()}),
        is_too_long=is_cut or len(own_text) > MAX_OWN_CHARACTERS,
        user_name=body.user_name or headline.user_name,
        language=language,
    )
    return conclude(findings)


def _with_one_width(text: str, most: int) -> str:
    """Returns a text in one width. A character can become 18; so it is cut before and after."""
    return normalized("NFKC", UNSEEN.sub("", text[:most]))[:most]


def _subject_of_writer(subject: str) -> str:
    """Returns the subject if the writer wrote it; that of an answer is empty, if it is not an automatic reply's."""
    answered = _ANSWERED.match(subject)
    if answered is None:
        return subject
    rest = subject[answered.end() :]
    folded = fold_words(rest, TABLES[0].rules)[:40]
    is_automatic = any(phrase.mark is Mark.AUTOMATIC for table in TABLES for phrase in table.mark_words(folded))
    return rest if is_automatic else ""


def _without_signature(lines: tuple[str, ...]) -> tuple[str, ...]:
    """Returns the lines without names and titles below a closing phrase, or in a last paragraph of their own."""
    for place, line in enumerate(lines):
        below = [other for other in lines[place + 1 :] if other]
        if _may_be_signature(below) and (_is_closing(line) or (not line and any(lines[:place]) and _is_name(below))):
            return (*lines[: place + 1], *(other for other in below if _says_something(other)))
    written = [line for line in lines if line]
    return () if len(written) == 1 and _is_name(written) else lines


def _may_be_signature(below: list[str]) -> bool:
    return len(below) <= _SIGNATURE_LINES and all(len(line.split()) <= _SIGNATURE_WORDS for line in below)


def _is_closing(line: str) -> bool:
    closing = {Mark.CLOSING, Mark.FILL}
    return bool(line) and _has_only(line, closing) and _has_mark(line, Mark.CLOSING)


def _is_name(below: list[str]) -> bool:
    """Tells whether lines begin with a name: two or three capitalised words that no table has, and then say nothing."""
    words = below[0].split() if below else []
    is_capitalised = 1 < len(words) <= 3 and all(word[0].isupper() and word[1:].islower() for word in words)
    if not is_capitalised or any(_says_something(line) for line in below):
        return False
    marks = [phrase.mark for table in TABLES for phrase in table.mark_words(fold_words(below[0], table.rules))]
    return set(marks) == {Mark.UNKNOWN}


def _has_only(line: str, allowed: set[Mark]) -> bool:
    return any(
        words and all(phrase.mark in allowed for phrase in table.mark_words(words))
        for table in TABLES
        for words in [fold_words(line[:200], table.rules)]
    )


def _has_mark(line: str, mark: Mark) -> bool:
    return any(
        phrase.mark is mark for table in TABLES for phrase in table.mark_words(fold_words(line[:200], table.rules))
    )


def _says_something(line: str) -> bool:
    """Tells whether a line below the closing phrase may be more than a name: it has known words of one language."""
    for table in TABLES:
        marks = [phrase.mark for phrase in table.mark_words(fold_words(line[:200], table.rules))]
        silent = {Mark.UNKNOWN, Mark.FILL, Mark.ME, Mark.SPLIT}
        telling = [mark for mark in marks if mark not in silent]
        if len(telling) * 2 >= len(marks) > 0 or (len(set(telling) & DOUBTS) >= 1 and len(marks) >= 3):
            return True
    return False


def _mark_clauses(
    clauses: Sequence[tuple[Clause, bool]], brand: frozenset[str]
) -> tuple[str | None, list[_MarkedClause]]:
    """Returns the language of a mail, and its clauses with their marks."""
    readings = {table.language: [_mark(clause.text, table, brand) for clause, _ in clauses] for table in TABLES}
    known = {language: sum(_weight(phrases) for phrases in marked) for language, marked in readings.items()}
    language = max(known, key=lambda code: known[code]) if known else None
    if language is None or known[language] <= 0:
        language = (
            None if not any(_has_known(phrases) for marked in readings.values() for phrases in marked) else language
        )
    main = language or "en"
    result = []
    for place, (clause, is_subject) in enumerate(clauses):
        best = min(readings, key=lambda code: (_unknown(readings[code][place]), code != main))
        chosen = main if _unknown(readings[best][place]) else best
        phrases, splits = readings[chosen][place], _SPLITS[chosen]
        result += [
            _MarkedClause(tuple(piece), clause.sentence, clause.is_asked, is_subject)
            for piece in _split_at_phrases(phrases, splits)
        ]
    return language, _join_cut_requests(result)


def _mark(text: str, table: PhraseTable, brand: frozenset[str]) -> list[MarkedPhrase]:
    phrases = table.mark_words(fold_words(text, table.rules))
    if table.rules.splits_characters:
        return phrases
    return [
        MarkedPhrase(Mark.FILL, phrase.text) if phrase.mark is Mark.UNKNOWN and phrase.text in brand else phrase
        for phrase in phrases
    ]


def _weight(phrases: list[MarkedPhrase]) -> int:
    return sum(-1 if phrase.mark is Mark.UNKNOWN else 1 + phrase.text.count(" ") for phrase in phrases)


def _has_known(phrases: list[MarkedPhrase]) -> bool:
    return any(phrase.mark is not Mark.UNKNOWN for phrase in phrases)


def _unknown(phrases: list[MarkedPhrase]) -> int:
    return sum(phrase.mark is Mark.UNKNOWN for phrase in phrases)


def _split_at_phrases(phrases: list[MarkedPhrase], splits: frozenset[str]) -> list[list[MarkedPhrase]]:
    """Returns the pieces of a clause. A piece that only names more things, such as `and all my data`, is none."""
    pieces: list[list[MarkedPhrase]] = [[]]
    for phrase in phrases:
        if phrase.text in splits and pieces[-1]:
            pieces.append([])
        pieces[-1].append(phrase)
    joined: list[list[MarkedPhrase]] = []
    for piece in filter(None, pieces):
        marks = {phrase.mark for phrase in piece}
        if joined and marks & NOUNS and marks <= NOUNS | {Mark.FILL, Mark.ME, Mark.ADDRESS}:
            joined[-1] += piece
        else:
            joined.append(piece)
    return joined


def _belong_together(before: _MarkedClause, clause: _MarkedClause, marks: set[Mark]) -> bool:
    if (before.sentence, before.is_subject) != (clause.sentence, clause.is_subject):
        return False
    if any(_DEPENDENT.search(phrase.text) and phrase.mark is not Mark.UNKNOWN for phrase in clause.phrases):
        return True
    is_stop = {phrase.mark for phrase in before.phrases} - _WORDLESS == {Mark.CEASE}
    return is_stop and Mark.SEND in marks and not marks & {Mark.WANT, Mark.NOT, Mark.NO_MORE, Mark.STOP}


def _join_cut_requests(clauses: Iterable[_MarkedClause]) -> list[_MarkedClause]:
    """Joins `stop,` and what is to stop, `I ask you,` and what is asked: some languages put a comma between them."""
    joined: list[_MarkedClause] = []
    for clause in clauses:
        marks = {phrase.mark for phrase in clause.phrases}
        before = joined[-1] if joined else None
        if before is not None and _belong_together(before, clause, marks):
            joined[-1] = replace(before, phrases=before.phrases + clause.phrases)
        else:
            joined.append(clause)
    return joined


def _read_clauses(clauses: Iterable[_MarkedClause]) -> list[ClauseReading]:
    listed = list(clauses)
    polite = {clause.sentence for clause in listed if any(phrase.mark is Mark.POLITE for phrase in clause.phrases)}
    return [read_clause(list(clause.phrases), clause.is_asked and clause.sentence not in polite) for clause in listed]


def _has_look_alikes(text: str) -> bool:
    """Tells whether a letter is of a script that looks like Latin letters, and in which nobody writes to us."""
    return _FOREIGN_LETTERS.search(fold_letters(text)) is not None
