"""Holds what the sink saw against what the ledger says. Pure: each check takes the evidence and yields violations."""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import TypeVar

from mailer.policy.category import CATEGORIES
from tests.chaos.facts import SINK_DROPS, Entry, Evidence, Fault, Key, Mailing, Seen, Violation

FINAL = frozenset({"handed_over", "suppressed", "diverted", "cancelled", "expired", "failed"})
HALT_SECONDS = 2.0
"""Within which a stop is effective (issue 4)."""
LATE_SECONDS = 1.0
"""Seconds from a lease's end to the sink's reading of what was written before. The sink is busy, too."""
SESSION_REASONS = frozenset({"5.3.2", "5.5.2", "5.7.0", "4.7.1", "504", "530", "554"})
"""The statuses with which the sink refuses sessions (`tests.chaos.sink.Refusal`), and nothing else."""
_T = TypeVar("_T")
_K = TypeVar("_K", bound=Hashable)


def check(evidence: Evidence) -> list[Violation]:
    """Yields all violations."""
    return [violation for one in CHECKS for violation in one(evidence)]


def lost(evidence: Evidence) -> Iterator[Violation]:
    """Yields what was lost. A confirmed event is one mailing, and each of its recipients has a final state."""
    mailings = grouped(evidence.mailings, lambda mailing: (mailing.brand, mailing.event))
    sizes = Counter(delivery.key[0] for delivery in evidence.deliveries)
    still_open = {delivery.key[0] for delivery in evidence.deliveries if delivery.state not in FINAL}
    for published in evidence.published:
        found = mailings.get((published.brand, published.event), [])
        if len(found) > 1 or (published.confirmed and not found):
            yield Violation("each event once", f"{published.event} of {published.brand} became {len(found)} mailings")
        for mailing in found:
            if sizes[mailing.id] != published.size:
                what = f"{published.event} has {sizes[mailing.id]} deliveries for {published.size} recipients"
                yield Violation("none lost", what)
            if not mailing.finished and mailing.id not in still_open:
                yield Violation("none lost", f"{published.event} is not finished: {dict(mailing.counts)}")
    for delivery in evidence.deliveries:
        if delivery.state not in FINAL:
            yield Violation("none lost", f"it is still {delivery.state} {delivery.reason}", delivery.key)
    for letter in evidence.dead:
        if letter.poison is None:
            yield Violation("each event once", f"a good event is a dead letter: {letter.text}")


def refused(evidence: Evidence) -> Iterator[Violation]:
    """Yields bad messages that are no dead letter. One dead letter more is allowed where a fault could repeat it."""
    letters = Counter(letter.poison for letter in evidence.dead if letter.poison is not None)
    for number in evidence.poison:
        if not letters[number]:
            yield Violation("each bad message is a dead letter", f"poison {number} left no dead letter")
    repeats = sum(count - 1 for count in letters.values() if count > 1)
    if repeats > len(evidence.faults):
        yield Violation("each bad message is a dead letter", f"{repeats} of them are there more than once")


def unharmed(evidence: Evidence) -> Iterator[Violation]:
    """Yields deliveries that failed since a relay refused our session. Such a reply says nothing about a message."""
    for delivery in evidence.deliveries:
        if delivery.state == "failed" and SESSION_REASONS.intersection(delivery.reason.split()):
            what = f"it failed by a reply about the session: {delivery.reason}"
            yield Violation("a refused session fails nobody", what, delivery.key)


def accounted(evidence: Evidence) -> Iterator[Violation]:
    """Yields deliveries on which ledger and sink differ. Mail at the sink is handed over, or named in doubt."""
    taken, doubts = _taken(evidence), _doubts(evidence)
    states = {delivery.key: delivery.state for delivery in evidence.deliveries}
    for key, state in states.items():
        if state == "handed_over" and key not in taken:
            yield Violation("handed over means sent", "the ledger says handed over, the sink never took it", key)
    for key in taken:
        if key not in states:
            yield Violation("all mail is accounted for", "the sink took what is nobody's delivery", key)
        elif states[key] != "handed_over" and key not in doubts:
            yield Violation("all mail is accounted for", f"the sink took it, and it is {states[key]}", key)
    strangers = sum(seen.key is None and seen.verdict == "accepted" for seen in evidence.seen)
    if strangers:
        yield Violation("all mail is accounted for", f"{strangers} messages have no return path of ours")


def repeated(evidence: Evidence) -> Iterator[Violation]:
    """Yields repeated mail. Only mandatory mail in doubt may be sent twice, with one Message-ID."""
    doubts, categories = _doubts(evidence), _categories(evidence)
    for key, copies in _taken(evidence).items():
        optional = CATEGORIES[categories[key]].is_optional if key in categories else True
        if optional and len(copies) > 1:
            yield Violation("optional none twice", f"the sink took it {len(copies)} times", key)
        elif len(copies) > 1 + doubts[key]:
            what = f"the sink took it {len(copies)} times, and it was in doubt {doubts[key]} times"
            yield Violation("mandatory twice only in doubt", what, key)
        if len({copy.message_id for copy in copies}) > 1:
            yield Violation("one Message-ID", "its copies have several", key)


def intended(evidence: Evidence) -> Iterator[Violation]:
    """Yields mail that reached the sink before the intent in the ledger, or after the lease under which it was made."""
    intents = grouped(_handed(evidence), lambda entry: entry.key)
    hindered = [fault for fault in evidence.faults if fault.hinders]
    for key, copies in _offered(evidence).items():
        begun = sorted(entry.at for entry in intents.get(key, ()))
        for copy in copies:
            place = bisect_right(begun, copy.mail_at)
            if not place:
                yield Violation("intent before hand-over", "it reached the sink without an intent", key)
                continue
            due = begun[place - 1] + evidence.lease + LATE_SECONDS
            if copy.mail_at > due + _hindrance(hindered, begun[place - 1], copy.mail_at):
                what = f"its MAIL came {copy.mail_at - begun[place - 1]:.1f} s after its intent"
                yield Violation("nothing on a lease that ran out", what, key)


def in_doubt(evidence: Evidence) -> Iterator[Violation]:
    """Yields deliveries in doubt that no fault explains. A fault leaves at most one window a consumer in doubt."""
    lanes = {mailing.id: mailing.lane for mailing in evidence.mailings}
    intents = grouped(_handed(evidence), lambda entry: (entry.key, entry.attempt))
    room = {
        (n, lane): fault.windows * evidence.window for n, fault in _doubtful(evidence) for lane in set(lanes.values())
    }
    for entry in sorted((entry for entry in evidence.entries if entry.in_doubt), key=lambda entry: entry.at):
        lane = lanes.get(entry.key[0], "")
        since = min((intent.at for intent in intents.get((entry.key, entry.attempt), ())), default=entry.at)
        causes = [
            n
            for n, fault in _doubtful(evidence)
            if fault.began_at <= entry.at and since <= fault.ended_at and room.get((n, lane), 0) > 0
        ]
        if causes:
            room[max(causes, key=lambda n: room[n, lane]), lane] -= 1
        else:
            yield Violation("in doubt at most a window a consumer", f"no fault explains {entry.reason!r}", entry.key)


def opted_out(evidence: Evidence) -> Iterator[Violation]:
    """Yields hand-overs that began after the opt-out that forbids them was answered. No such intent may commit."""
    answers = {
        (opt_out.brand, opt_out.recipient, opt_out.category): opt_out.answered_at for opt_out in evidence.opt_outs
    }
    brands = {mailing.id: mailing.brand for mailing in evidence.mailings}
    for entry in _handed(evidence):
        answered = answers.get((brands.get(entry.key[0], ""), entry.key[1], entry.category))
        if answered is not None and max(entry.at, entry.committed_at) > answered:
            late = max(entry.at, entry.committed_at) - answered
            yield Violation("opt-out wins", f"a hand-over began {late:.3f} s after the opt-out was answered", entry.key)


def halted(evidence: Evidence) -> Iterator[Violation]:
    """Yields mail of stopped work that reached the sink later than two seconds after the stop, before work went on."""
    mailings = {mailing.id: mailing for mailing in evidence.mailings}
    for halt in evidence.halts:
        for key, copies in _offered(evidence).items():
            mailing = mailings.get(key[0])
            if mailing is None or not _covers(halt.scope, halt.name, mailing):
                continue
            for copy in copies:
                if halt.began_at + HALT_SECONDS < copy.mail_at < halt.ended_at:
                    what = f"its MAIL came {copy.mail_at - halt.began_at:.1f} s after {halt.scope} {halt.name} stopped"
                    yield Violation("a stop stops", what, key)


def counted(evidence: Evidence) -> Iterator[Violation]:
    """Yields mailings whose counters differ from the states of their deliveries."""
    actual: defaultdict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    for delivery in evidence.deliveries:
        actual[delivery.key[0]][delivery.state, delivery.reason] += 1
    for mailing in evidence.mailings:
        if dict(mailing.counts) != dict(actual[mailing.id]):
            what = f"{mailing.event} counts {dict(mailing.counts)}, and has {dict(actual[mailing.id])}"
            yield Violation("counters add up", what)


def sound(evidence: Evidence) -> Iterator[Violation]:
    """Yields faults of the ledger, and processes that ended though nothing was done to them."""
    for fault in evidence.verified:
        yield Violation("the ledger is sound", fault)
    for ending in evidence.endings:
        yield Violation("processes stay", ending)


CHECKS: Sequence[Callable[[Evidence], Iterator[Violation]]] = (
    lost,
    refused,
    unharmed,
    accounted,
    repeated,
    intended,
    in_doubt,
    opted_out,
    halted,
    counted,
    sound,
)


def history(evidence: Evidence, key: Key, around: float = 2.0) -> list[tuple[float, str]]:
    """All that is known about a delivery, in order: its entries, its copies, and what was done meanwhile."""
    mailing = next((mailing for mailing in evidence.mailings if mailing.id == key[0]), None)
    lines = [(entry.at, _entry_text(entry)) for entry in evidence.entries if entry.key == key]
    for seen in evidence.seen:
        if seen.key == key:
            met = f" ({seen.fate})" if seen.fate else ""
            lines.append((seen.mail_at, "sink   MAIL"))
            lines.append((seen.at, f"sink   {seen.verdict}{met} {seen.message_id or ''}"))
    lines += [
        (opt_out.answered_at, f"person left {opt_out.category}, answered")
        for opt_out in evidence.opt_outs
        if mailing and (opt_out.brand, opt_out.recipient) == (mailing.brand, key[1])
    ]
    for halt in evidence.halts:
        if mailing and _covers(halt.scope, halt.name, mailing):
            lines += [(halt.began_at, f"halt   {halt.scope}"), (halt.ended_at, f"halt   {halt.scope}: over")]
    if lines:
        lines += _meanwhile(evidence.faults, min(at for at, _ in lines), max(at for at, _ in lines), around)
    return sorted(lines)


def _meanwhile(faults: Iterable[Fault], first: float, last: float, around: float) -> Iterator[tuple[float, str]]:
    """The faults between two moments, and a little before and after."""
    for fault in faults:
        margin = 0.0 if fault.what == SINK_DROPS else around
        if fault.began_at <= last + margin and fault.ended_at >= first - margin:
            yield fault.began_at, f"fault  {fault.what}"
            if fault.ended_at > fault.began_at:
                yield fault.ended_at, f"fault  {fault.what}: over"


def grouped(items: Iterable[_T], by: Callable[[_T], _K]) -> dict[_K, list[_T]]:
    """Items by a key of each."""
    found: defaultdict[_K, list[_T]] = defaultdict(list)
    for item in items:
        found[by(item)].append(item)
    return dict(found)


def _entry_text(entry: Entry) -> str:
    reason = f" {entry.reason}" if entry.reason else ""
    committed = f"{entry.committed_at - entry.at:+.3f} s"
    writer = f"{entry.writer}, attempt {entry.attempt}, committed {committed}"
    return f"ledger {entry.kind}{reason} ({entry.category}, by {writer})"


def _handed(evidence: Evidence) -> Iterator[Entry]:
    return (entry for entry in evidence.entries if entry.kind == "hand_over")


def _offered(evidence: Evidence) -> dict[Key, list[Seen]]:
    """The copies that reached the sink, accepted or not, by delivery."""
    offered: defaultdict[Key, list[Seen]] = defaultdict(list)
    for seen in evidence.seen:
        if seen.key is not None:
            offered[seen.key].append(seen)
    return dict(offered)


def _taken(evidence: Evidence) -> dict[Key, list[Seen]]:
    return {
        key: taken
        for key, copies in _offered(evidence).items()
        if (taken := [copy for copy in copies if copy.verdict == "accepted"])
    }


def _doubts(evidence: Evidence) -> Counter[Key]:
    """The number of times that the ledger names each delivery in doubt: once an attempt, for any cause."""
    return Counter(key for key, _ in {(entry.key, entry.attempt) for entry in evidence.entries if entry.in_doubt})


def _categories(evidence: Evidence) -> dict[Key, str]:
    """The category of each delivery that was handed over, as its recipient sees it."""
    return {entry.key: entry.category for entry in _handed(evidence)}


def _doubtful(evidence: Evidence) -> list[tuple[int, Fault]]:
    return [(n, fault) for n, fault in enumerate(evidence.faults) if fault.windows]


def _hindrance(hindered: Iterable[Fault], since: float, until: float) -> float:
    """Seconds for which faults held up what was on its way between two moments."""
    return sum(max(0.0, min(until, fault.ended_at) - max(since, fault.began_at)) for fault in hindered)


def _covers(scope: str, name: str, mailing: Mailing) -> bool:
    return scope == "everything" or name == (mailing.brand if scope == "brand" else mailing.id)
