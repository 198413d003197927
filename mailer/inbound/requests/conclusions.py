"""The conclusion about a mail from the readings of its clauses. Pure."""

from dataclasses import dataclass

from mailer.inbound.requests.clause_reading import ClauseReading
from mailer.inbound.requests.marks import Mark
from mailer.inbound.requests.request_types import (
    Certainty,
    OptOutReach,
    ReadRequest,
    RequestKind,
    RequestMailbox,
    SuggestedRequest,
)

MAX_UNKNOWN_WORDS = 6
"""The most unknown words outside the request that a plain mail has, such as a name and a town."""
_STAFF_DO = frozenset({RequestKind.CORRECTION, RequestKind.RESTRICTION})
"""Requests that staff must work on, however clear they are."""
_STAYS = frozenset({Mark.KEEP, Mark.BACK, Mark.JOKE, Mark.CANCEL_REQUEST})


@dataclass(frozen=True, slots=True)
class Findings:
    """All that was found in a mail.

    Attributes:
        body, subject: readings of the clauses that the writer wrote. A subject that is an answer's has none.
        has_link: names a link that is no address of a mailbox.
        has_quotation: some words stand in quotation marks. has_joke: a smiley that can turn the meaning.
        has_look_alikes: letters of another script that look like Latin ones.
        has_other_address: names an address that is not the sender's.
        is_too_long: longer than people write who ask for one thing, or cut.
    """

    mailbox: RequestMailbox
    body: tuple[ClauseReading, ...]
    subject: tuple[ClauseReading, ...]
    is_forwarded: bool
    has_quote: bool
    has_link: bool
    has_quotation: bool
    has_joke: bool
    has_look_alikes: bool
    has_other_address: bool
    is_too_long: bool
    user_name: str | None
    language: str | None

    @property
    def clauses(self) -> tuple[ClauseReading, ...]:
        """All clauses, the subject's first."""
        return self.subject + self.body


def conclude(found: Findings) -> ReadRequest:
    """Returns the reading of a mail: plain if it asks for one thing, and nothing raises a doubt."""
    if _is_automatic(found):
        return _conclude_automatic(found)
    if not found.clauses and not found.user_name:
        return _conclude_empty(found)
    doubts = _doubts_of(found)
    asked = _requests_of(found, whole=True)
    seen = _requests_of(found, whole=False)
    if len(asked) == 1 and not doubts and {request.kind for request in seen} == {asked[0].kind}:
        if asked[0].kind not in _STAFF_DO:
            return ReadRequest(
                asked[0].kind,
                asked[0].reach,
                Certainty.PLAIN,
                asked,
                _plain_reasons(asked[0]),
                found.language,
                found.user_name,
            )
        doubts = ["staff must do it"]
    return _conclude_doubtful(found, seen, doubts)


def _plain_reasons(request: SuggestedRequest) -> tuple[str, ...]:
    reach = f" from {request.reach.value}" if request.reach else ""
    return (f"asks for {request.kind.value}{reach}", "each word is understood")


def _is_automatic(found: Findings) -> bool:
    """Tells whether the mail is an automatic reply: by its subject, or if its text says only that."""
    if any(Mark.AUTOMATIC in clause.doubts for clause in found.subject):
        return True
    says_so = any(Mark.AUTOMATIC in clause.doubts for clause in found.body)
    return says_so and not any(
        clause.kind or clause.wants or clause.doubts - {Mark.AUTOMATIC, Mark.LATER, Mark.IF} for clause in found.clauses
    )


def _conclude_automatic(found: Findings) -> ReadRequest:
    certainty = Certainty.DOUBTFUL if found.is_too_long else Certainty.PLAIN
    return ReadRequest(RequestKind.NOTHING, None, certainty, (), ("an automatic reply, by its words",), found.language)


def _conclude_empty(found: Findings) -> ReadRequest:
    """Returns the reading of a mail without own words: to the opt-out mailbox, it is an opt-out."""
    if found.is_forwarded or found.has_link or found.has_other_address or found.is_too_long:
        other = "has no words of the writer, but something else"
        return ReadRequest(RequestKind.NOTHING, None, Certainty.DOUBTFUL, (), (other,))
    if found.mailbox is RequestMailbox.OPT_OUT:
        request = SuggestedRequest(RequestKind.OPT_OUT, OptOutReach.ALL)
        reasons = ("an empty mail to the opt-out mailbox",)
        return ReadRequest(request.kind, request.reach, Certainty.PLAIN, (request,), reasons)
    nothing = "only a quote" if found.has_quote else "has no words"
    return ReadRequest(RequestKind.NOTHING, None, Certainty.PLAIN, (), (nothing,))


def _requests_of(found: Findings, whole: bool) -> tuple[SuggestedRequest, ...]:
    """Returns the requests of all clauses, each kind once, with its widest reach."""
    stands_alone = _stands_alone(found)
    speaking = any(clause.kind is not None and not clause.is_bare for clause in found.clauses)
    kinds: dict[RequestKind, OptOutReach | None] = {}
    for clause in found.clauses:
        if clause.kind is None or clause.is_negated or (whole and not clause.is_whole):
            continue
        if clause.is_bare and (speaking or (whole and not stands_alone)):
            continue
        kinds[clause.kind] = _wider(kinds.get(clause.kind), clause.reach)
    if whole and not kinds and found.user_name is None:
        return ()
    return tuple(
        SuggestedRequest(kind, _reach(found, reach) if kind is RequestKind.OPT_OUT else None)
        for kind, reach in kinds.items()
    )


def _stands_alone(found: Findings) -> bool:
    """Tells whether nothing but a single word of request stands in the mail."""
    is_place = found.mailbox in (RequestMailbox.OPT_OUT, RequestMailbox.REPLY)
    others = [clause for clause in found.body if not (clause.is_bare and clause.is_whole)]
    is_silent = all(clause.is_courtesy or clause.names_mail for clause in others)
    is_silent = is_silent and all(clause.is_whole and not clause.unknown for clause in found.subject)
    bare = [clause for clause in found.clauses if clause.is_bare]
    return is_silent and (is_place or (bool(bare) and all(clause.is_stop for clause in bare)))


def _wider(one: OptOutReach | None, other: OptOutReach | None) -> OptOutReach | None:
    order = [None, OptOutReach.LIST, OptOutReach.ALL, OptOutReach.COMPANY]
    return max(one, other, key=order.index)


def _reach(found: Findings, reach: OptOutReach | None) -> OptOutReach:
    if reach is not None:
        return reach
    return OptOutReach.LIST if found.mailbox is RequestMailbox.REPLY else OptOutReach.ALL


def _doubts_of(found: Findings) -> list[str]:
    marks = {mark for clause in found.clauses for mark in clause.doubts}
    doubts = [mark.value for mark in Mark if mark in marks]
    unknown = sum(clause.unknown for clause in found.clauses)
    asks_in_body = any(clause.kind is not None and clause.is_whole for clause in found.body)
    checks = {
        "negates a request": any(clause.is_negated for clause in found.clauses),
        "has words of a request that are not understood": any(
            not clause.is_whole and not clause.doubts and not clause.is_negated and (clause.wants or not in_subject)
            for clause, in_subject in [*((c, True) for c in found.subject), *((c, False) for c in found.body)]
        ),
        "has many unknown words": unknown > MAX_UNKNOWN_WORDS,
        "asks in the subject only, and says something else": not asks_in_body and any(c.unknown for c in found.body),
        "quotes words": found.has_quotation,
        "may be a joke": found.has_joke,
        "has letters that look like others": found.has_look_alikes,
        "names another address": found.has_other_address,
        "names a link": found.has_link,
        "is long": found.is_too_long,
    }
    doubts += [reason for reason, holds in checks.items() if holds and reason not in doubts]
    return doubts


def _conclude_doubtful(found: Findings, seen: tuple[SuggestedRequest, ...], doubts: list[str]) -> ReadRequest:
    marks = {mark for clause in found.clauses for mark in clause.doubts}
    is_negated = any(clause.is_negated and clause.kind for clause in found.clauses)
    suggestions = () if marks & _STAYS or is_negated else seen
    if not suggestions and found.mailbox is RequestMailbox.OPT_OUT and not marks & _STAYS and not is_negated:
        suggestions = (SuggestedRequest(RequestKind.OPT_OUT, OptOutReach.ALL),)
    if len(seen) > 1:
        doubts = [*doubts, "asks for several things"]
    kind = _likeliest_kind(found, marks, suggestions)
    reach = next((request.reach for request in suggestions if request.kind is kind), None)
    reasons = tuple(doubts) or ("no request was recognised",)
    return ReadRequest(kind, reach, Certainty.DOUBTFUL, suggestions, reasons, found.language, found.user_name)


def _likeliest_kind(found: Findings, marks: set[Mark], suggestions: tuple[SuggestedRequest, ...]) -> RequestKind:
    unknown = sum(clause.unknown for clause in found.clauses)
    if found.has_link and (unknown > MAX_UNKNOWN_WORDS or Mark.OTHER in marks):
        return RequestKind.NOTHING
    if Mark.ANGER in marks or (Mark.PAST in marks and not marks & (_STAYS | {Mark.QUESTION, Mark.IF})):
        return RequestKind.COMPLAINT
    first = next((request.kind for request in suggestions), RequestKind.QUESTION)
    if first is RequestKind.OPT_OUT and marks & {
        Mark.QUESTION, Mark.IF, Mark.REPORT, Mark.LINK, Mark.OTHER, Mark.STATEMENT, Mark.LATER
    } and len(suggestions) == 1:  # fmt: skip
        return RequestKind.QUESTION
    return first
