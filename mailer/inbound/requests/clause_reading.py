"""The meaning of one clause, from the marks of its phrases. Pure; the same for every language.

A clause is a request only if every one of its words is known. A negation, a condition or another doubt makes it none.
"""

from collections.abc import Callable
from dataclasses import dataclass

from mailer.inbound.requests.marks import DOUBTS, Mark
from mailer.inbound.requests.phrase_table import MarkedPhrase
from mailer.inbound.requests.request_types import OptOutReach, RequestKind

_NEUTRAL = frozenset({
    Mark.FILL, Mark.ME, Mark.ADDRESS, Mark.POLITE, Mark.REASON, Mark.GREETING, Mark.CLOSING, Mark.UNKNOWN,
})  # fmt: skip
_MAIL_WORDS = frozenset({
    Mark.MAIL, Mark.NEWSLETTER, Mark.LIST, Mark.ADVERTISING, Mark.EVERYTHING, Mark.COMPANY, Mark.GET, Mark.SEND,
    Mark.NOTICE,
})  # fmt: skip
NOUNS = _MAIL_WORDS - {Mark.SEND, Mark.GET} | {Mark.DATA, Mark.ACCOUNT, Mark.ELECTRONIC, Mark.PROCESSING}
"""Marks of things. A clause of these alone asks for nothing."""
_HARMLESS = NOUNS | {Mark.BARE, Mark.GET}
_OPT_OUT_WORDS = _MAIL_WORDS | {
    Mark.STOP, Mark.BARE, Mark.CEASE, Mark.REMOVE, Mark.WANT, Mark.ACCOUNT, Mark.OBJECT, Mark.PROCESSING, Mark.DATA,
    Mark.WITHDRAW, Mark.CONSENT,
}  # fmt: skip
_DATA_WORDS = frozenset({
    Mark.ERASURE, Mark.REMOVE, Mark.DATA, Mark.ACCOUNT, Mark.EVERYTHING, Mark.WANT, Mark.ACCESS, Mark.COPY, Mark.SEND,
    Mark.GET, Mark.PROCESSING, Mark.COMPANY,
})  # fmt: skip
_NOTICE_WORDS = _MAIL_WORDS | {
    Mark.PAPER,
    Mark.NOTICE,
    Mark.ELECTRONIC,
    Mark.WITHDRAW,
    Mark.REMOVE,
    Mark.CONSENT,
    Mark.WANT,
}
_ASKING = frozenset(
    {Mark.STOP, Mark.CEASE, Mark.REMOVE, Mark.BARE, Mark.ERASURE, Mark.OBJECT, Mark.WITHDRAW, Mark.NO_MORE, Mark.NOT}
)
_MAIL_NAMES = frozenset({Mark.MAIL, Mark.NEWSLETTER, Mark.ADVERTISING})
_COURTESY = frozenset({Mark.GREETING, Mark.CLOSING, Mark.POLITE, Mark.REASON})
_REFUSED = frozenset({Mark.WANT, Mark.SEND, Mark.NO_MORE})
_REFUSABLE = frozenset({Mark.MAIL, Mark.NEWSLETTER, Mark.ADVERTISING, Mark.SEND, Mark.GET, Mark.EVERYTHING, Mark.LIST})
_REFUSAL_WORDS = _MAIL_WORDS | {Mark.NOT, Mark.NO_MORE, Mark.WANT}


@dataclass(frozen=True, slots=True)
class ClauseReading:
    """The reading of a clause.

    Attributes:
        kind: the request that it makes, or seems to make; None: it makes none.
        reach: of an opt-out, if the clause says it.
        is_whole: each word is known, and nothing raises a doubt.
        is_bare: a single word that asks only if it stands alone. is_stop: that word is `stop`.
        doubts: marks that make the whole mail doubtful.
        is_negated: it refuses an opt-out, or a negation is left that belongs to nothing known.
        is_courtesy: it only greets, thanks, asks politely or gives a reason.
        names_mail: it only speaks of mail, and each word is known.
        wants: it names a wish.
        unknown: the number of unknown words.
    """

    kind: RequestKind | None = None
    reach: OptOutReach | None = None
    is_whole: bool = False
    is_bare: bool = False
    is_stop: bool = False
    doubts: frozenset[Mark] = frozenset()
    is_negated: bool = False
    is_courtesy: bool = False
    names_mail: bool = False
    wants: bool = False
    unknown: int = 0


def read_clause(phrases: list[MarkedPhrase], is_asked: bool) -> ClauseReading:
    """Returns the reading of a clause.

    Args:
        phrases: of the clause, in order.
        is_asked: its sentence is a question that is no polite request.
    """
    marks = frozenset(phrase.mark for phrase in phrases)
    core = marks - _NEUTRAL - DOUBTS
    doubts = marks & DOUBTS | ({Mark.QUESTION} if is_asked else set())
    unknown = sum(phrase.mark is Mark.UNKNOWN for phrase in phrases)
    wants = Mark.WANT in core
    is_courtesy = bool(marks & _COURTESY) and marks <= _COURTESY | {Mark.FILL, Mark.ME}
    names_mail = not doubts and not unknown and core <= NOUNS | {Mark.GET} and bool(core & _MAIL_NAMES)
    negation_first = _is_negation_first(phrases)
    for recognise in _RECOGNISERS:
        found = recognise(core, marks, negation_first)
        if found is not None:
            kind, reach, allowed = found
            is_negated = allowed is None
            is_whole = not doubts and not unknown and allowed is not None and core <= allowed
            is_whole = is_whole and not _has_reason_first(phrases)
            is_bare = recognise is _recognise_bare and (core <= {Mark.BARE} or core in ({Mark.CEASE}, {Mark.REMOVE}))
            is_whole = is_whole and not (core == {Mark.CEASE} and _says_more_than_stop(phrases))
            return ClauseReading(
                kind,
                reach,
                is_whole,
                is_bare,
                core == {Mark.CEASE},
                frozenset(doubts),
                is_negated,
                is_courtesy,
                names_mail,
                wants,
                unknown,
            )
    is_negated = bool(core & {Mark.NOT, Mark.NO_MORE})
    is_whole = not doubts and core <= _HARMLESS
    return ClauseReading(
        None, None, is_whole, False, False, frozenset(doubts), is_negated, is_courtesy, names_mail, wants, unknown
    )


def _says_more_than_stop(phrases: list[MarkedPhrase]) -> bool:
    """Tells whether `stop` has an object that may be something else: `stop following me`."""
    return any(phrase.mark in (Mark.ME, Mark.ADDRESS) for phrase in phrases) or (
        sum(phrase.mark is Mark.FILL for phrase in phrases) > 1
    )


def _has_reason_first(phrases: list[MarkedPhrase]) -> bool:
    """Tells whether a reason leads to the request in one clause: `I never asked to unsubscribe`."""
    for phrase in phrases:
        if phrase.mark in _ASKING:
            return False
        if phrase.mark is Mark.REASON:
            return True
    return False


def _is_negation_first(phrases: list[MarkedPhrase]) -> bool:
    for phrase in phrases:
        if phrase.mark in _ASKING:
            return phrase.mark in (Mark.NOT, Mark.NO_MORE)
    return False


Marks = frozenset[Mark]
Recognised = tuple[RequestKind, OptOutReach | None, Marks | None]
"""A kind, its reach, and the marks that may stand in the clause; None in their place: the request is negated."""


def _recognise_data_request_by_marks(core: Marks, marks: Marks, negation_first: bool) -> Recognised | None:
    has_object = bool(core & {Mark.DATA, Mark.ACCOUNT}) and Mark.LIST not in core
    is_stop_at_data = Mark.CEASE in core and Mark.PROCESSING in core
    found: RequestKind | None = None
    if Mark.CORRECT in core:
        found = RequestKind.CORRECTION
    elif Mark.RESTRICT in core:
        found = RequestKind.RESTRICTION
    elif Mark.ERASURE in core or (Mark.REMOVE in core and has_object):
        found = RequestKind.ERASURE
    elif Mark.ACCESS in core or (Mark.COPY in core and Mark.DATA in core):
        found = RequestKind.COPY
    if found is None or is_stop_at_data:
        return None
    return found, None, None if core & {Mark.NOT, Mark.NO_MORE} else _DATA_WORDS


def _recognise_written_notice(core: Marks, marks: Marks, negation_first: bool) -> Recognised | None:
    is_withdrawal = _is_withdrawal(core) and Mark.ELECTRONIC in core
    if not is_withdrawal and Mark.PAPER not in core:
        return None
    allowed = _NOTICE_WORDS if is_withdrawal or core & {Mark.NOTICE, Mark.WANT, Mark.SEND} else frozenset[Mark]()
    return RequestKind.WRITTEN_NOTICE, None, None if core & {Mark.NOT, Mark.NO_MORE} else allowed


def _recognise_objection(core: Marks, marks: Marks, negation_first: bool) -> Recognised | None:
    negated = bool(core & {Mark.NOT, Mark.NO_MORE})
    objects = Mark.OBJECT in core or (core >= {Mark.CEASE, Mark.PROCESSING} and Mark.ADVERTISING in core)
    if objects and core & {Mark.ADVERTISING, Mark.PROCESSING, Mark.MAIL, Mark.NEWSLETTER}:
        about_advertising = bool(core & {Mark.ADVERTISING, Mark.MAIL, Mark.NEWSLETTER})
        reach = OptOutReach.COMPANY if core & {Mark.PROCESSING, Mark.ADVERTISING} else _reach_of(core)
        return RequestKind.OPT_OUT, reach, None if negated else _OPT_OUT_WORDS if about_advertising else frozenset()
    if _is_withdrawal(core):
        about_mail = bool(core & {Mark.ADVERTISING, Mark.MAIL, Mark.NEWSLETTER, Mark.LIST})
        return RequestKind.OPT_OUT, _reach_of(core), None if negated else _OPT_OUT_WORDS if about_mail else frozenset()
    return None


def _is_withdrawal(core: Marks) -> bool:
    return Mark.CONSENT in core and bool(core & {Mark.WITHDRAW, Mark.REMOVE})


def _recognise_stop(core: Marks, marks: Marks, negation_first: bool) -> Recognised | None:
    asks_to_remove = Mark.REMOVE in core and bool(marks & {Mark.ME, Mark.LIST, Mark.NEWSLETTER, Mark.ADDRESS})
    asks_to_cease = Mark.CEASE in core and bool(core & (_REFUSABLE - {Mark.LIST}))
    if Mark.STOP not in core and not asks_to_remove and not asks_to_cease:
        return None
    if negation_first or Mark.NOT in core:
        return RequestKind.OPT_OUT, None, None
    allowed = frozenset[Mark]() if Mark.PROCESSING in core else _OPT_OUT_WORDS
    if asks_to_remove or Mark.STOP in core:
        allowed -= {Mark.CEASE, Mark.BARE, Mark.WITHDRAW, Mark.OBJECT}  # to stop or cancel an opt-out is none
    if Mark.STOP not in core:
        allowed -= {Mark.ACCOUNT, Mark.DATA}
    return RequestKind.OPT_OUT, _reach_of(core), allowed


def _recognise_refusal(core: Marks, marks: Marks, negation_first: bool) -> Recognised | None:
    if not core & {Mark.NOT, Mark.NO_MORE} or not core & _REFUSABLE:
        return None
    if not core & _REFUSED:
        is_asked_politely = Mark.POLITE in marks and not core & {Mark.GET, Mark.LIST}
        allowed = NOUNS | {Mark.NOT} if is_asked_politely else frozenset[Mark]()
        return (RequestKind.OPT_OUT, _reach_of(core), allowed) if core <= {Mark.NOT} | NOUNS else None
    if core & {Mark.STOP, Mark.CEASE, Mark.REMOVE}:
        return None
    if Mark.GET in core and not core & {Mark.WANT, Mark.SEND}:
        return None
    return RequestKind.OPT_OUT, _reach_of(core), _REFUSAL_WORDS


def _recognise_bare(core: Marks, marks: Marks, negation_first: bool) -> Recognised | None:
    if not core & {Mark.BARE, Mark.CEASE, Mark.REMOVE}:
        return None
    if core & {Mark.NOT, Mark.NO_MORE}:
        return RequestKind.OPT_OUT, None, None
    is_single = (
        core <= {Mark.BARE, Mark.NEWSLETTER, Mark.LIST, Mark.MAIL, Mark.SEND, Mark.ADVERTISING}
        or core == {Mark.CEASE}
        or core == {Mark.REMOVE}
    )
    return RequestKind.OPT_OUT, _reach_of(core), core if is_single else frozenset()


def _reach_of(core: Marks) -> OptOutReach | None:
    if Mark.COMPANY in core:
        return OptOutReach.COMPANY
    if Mark.EVERYTHING in core:
        return OptOutReach.ALL
    if Mark.NEWSLETTER in core:
        return OptOutReach.LIST
    if core & {Mark.MAIL, Mark.ADVERTISING}:
        return OptOutReach.ALL
    return None


_RECOGNISERS: tuple[Callable[[Marks, Marks, bool], Recognised | None], ...] = (
    _recognise_written_notice,
    _recognise_objection,
    _recognise_data_request_by_marks,
    _recognise_stop,
    _recognise_refusal,
    _recognise_bare,
)
