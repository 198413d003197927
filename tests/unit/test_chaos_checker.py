"""The checker of `make chaos`: it finds each promise broken by hand, and nothing where all are kept."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.chaos.checker import check, history
from tests.chaos.facts import (
    DeadLetter,
    Delivery,
    Entry,
    Evidence,
    Fault,
    Halt,
    Key,
    Mailing,
    OptOut,
    Published,
    Seen,
)

LETTER, NOTICE = ("m1", 1), ("m2", 2)
"""A newsletter for one person, and a service mail for another."""
CATEGORY = {"m1": "newsletter", "m2": "service"}
T = 1_000_000.0


def intent(key: Key, at: float, attempt: int = 1, committed: float = 0.01) -> Entry:
    """The ledger's word that a hand-over began."""
    return Entry(key, at, at + committed, "hand_over", CATEGORY[key[0]], attempt=attempt, message_id=f"<{key[1]}@x>")


def outcome(key: Key, at: float, reason: str, attempt: int = 1) -> Entry:
    """The ledger's entry about the result."""
    return Entry(key, at, at + 0.01, "outcome", CATEGORY[key[0]], reason, attempt)


def copy(key: Key, at: float, verdict: str = "accepted", message_id: str = "") -> Seen:
    """A message at the sink."""
    return Seen(key, at, at + 0.01, verdict, message_id or f"<{key[1]}@x>")


def mailing(key: Key, *counts: tuple[str, str]) -> Mailing:
    """The mailing of a delivery, with the states that it counts."""
    category = CATEGORY[key[0]]
    return Mailing(key[0], "interpals", f"event {key[0]}", category, category, True, dict.fromkeys(counts, 1))


GOOD = Evidence(
    seen=[copy(LETTER, T + 1), copy(NOTICE, T + 1), copy(NOTICE, T + 9)],
    entries=[
        intent(LETTER, T),
        outcome(LETTER, T + 2, "accepted"),
        intent(NOTICE, T),
        outcome(NOTICE, T + 6, "in_doubt owner_lost"),
        outcome(NOTICE, T + 7, "deferred in_doubt"),
        intent(NOTICE, T + 8, attempt=2),
        outcome(NOTICE, T + 9.5, "accepted", attempt=2),
    ],
    mailings=[mailing(LETTER, ("handed_over", "")), mailing(NOTICE, ("handed_over", ""))],
    deliveries=[Delivery(LETTER, "handed_over"), Delivery(NOTICE, "handed_over")],
    published=[Published("interpals", "event m1", 1, True), Published("interpals", "event m2", 1, True)],
    opt_outs=[OptOut("interpals", 1, "newsletter", T + 0.5)],
    halts=[Halt("everything", "everything", T + 1.5, T + 7.9)],
    faults=[Fault("SIGKILL worker 1", T + 1.2, T + 1.2, windows=3)],
    dead=[DeadLetter("not JSON", 0), DeadLetter("not JSON", 0)],
    poison=[0],
)
"""A newsletter that was begun before its reader left, and a notice that was in doubt and went out again."""


def without_fault(evidence: Evidence) -> Evidence:
    """Nothing was done that puts anything in doubt."""
    return replace(evidence, faults=[Fault("SIGKILL timekeeper 1", T + 1.2, T + 1.2)])


def in_doubt_too_often(evidence: Evidence) -> Evidence:
    """One kill has left more in doubt than its consumers' windows."""
    more = [("m2", n) for n in range(10, 14)]
    entries = [entry for key in more for entry in (intent(key, T), outcome(key, T + 6, "in_doubt owner_lost"))]
    return replace(
        evidence,
        entries=[*evidence.entries, *entries],
        deliveries=[*evidence.deliveries, *(Delivery(key, "failed", "in_doubt") for key in more)],
        published=[evidence.published[0], Published("interpals", "event m2", 5, True)],
        mailings=[evidence.mailings[0], mailing(NOTICE, ("handed_over", ""))],
        window=1,
    )


BROKEN: dict[str, tuple[str, Callable[[Evidence], Evidence]]] = {
    "an event without a mailing": (
        "each event once",
        lambda good: replace(good, published=[*good.published, Published("interpals", "gone", 1, True)]),
    ),
    "an event with two mailings": (
        "each event once",
        lambda good: replace(good, mailings=[*good.mailings, replace(good.mailings[0], id="m3")]),
    ),
    "a dead letter": ("each event once", lambda good: replace(good, dead=[DeadLetter("failed too often")])),
    "poison that vanished": ("each bad message is a dead letter", lambda good: replace(good, poison=[0, 1])),
    "poison that is kept again and again": (
        "each bad message is a dead letter",
        lambda good: replace(good, dead=[DeadLetter("not JSON", 0)] * 4),
    ),
    "failed by a refused session": (
        "a refused session fails nobody",
        lambda good: replace(good, deliveries=[good.deliveries[0], Delivery(NOTICE, "failed", "gave_up 5.7.0")]),
    ),
    "a recipient too few": (
        "none lost",
        lambda good: replace(good, published=[replace(good.published[0], size=2), good.published[1]]),
    ),
    "an open delivery": (
        "none lost",
        lambda good: replace(good, deliveries=[good.deliveries[0], Delivery(NOTICE, "deferred", "4.3.0")]),
    ),
    "an open mailing": (
        "none lost",
        lambda good: replace(good, mailings=[replace(good.mailings[0], finished=False), good.mailings[1]]),
    ),
    "handed over to nobody": ("handed over means sent", lambda good: replace(good, seen=good.seen[1:])),
    "refused, and handed over": (
        "handed over means sent",
        lambda good: replace(good, seen=[copy(LETTER, T + 1, "refused"), *good.seen[1:]]),
    ),
    "sent, and failed": (
        "all mail is accounted for",
        lambda good: replace(good, deliveries=[Delivery(LETTER, "failed", "4.3.0"), good.deliveries[1]]),
    ),
    "sent to a stranger": (
        "all mail is accounted for",
        lambda good: replace(good, seen=[*good.seen, replace(good.seen[0], key=None)]),
    ),
    "optional twice": ("optional none twice", lambda good: replace(good, seen=[*good.seen, copy(LETTER, T + 2)])),
    "mandatory thrice": (
        "mandatory twice only in doubt",
        lambda good: replace(good, seen=[*good.seen, copy(NOTICE, T + 9.1)]),
    ),
    "another Message-ID": (
        "one Message-ID",
        lambda good: replace(good, seen=[*good.seen[:2], copy(NOTICE, T + 9, message_id="<other@x>")]),
    ),
    "no intent": ("intent before hand-over", lambda good: replace(good, entries=good.entries[1:])),
    "after its lease": (
        "nothing on a lease that ran out",
        lambda good: replace(good, seen=[copy(LETTER, T + 6.5), *good.seen[1:]]),
    ),
    "in doubt of itself": ("in doubt at most a window a consumer", without_fault),
    "in doubt too often": ("in doubt at most a window a consumer", in_doubt_too_often),
    "begun after the answer": (
        "opt-out wins",
        lambda good: replace(good, entries=[intent(LETTER, T + 0.6), *good.entries[1:]]),
    ),
    "committed after the answer": (
        "opt-out wins",
        lambda good: replace(good, entries=[intent(LETTER, T, committed=0.6), *good.entries[1:]]),
    ),
    "sent while stopped": (
        "a stop stops",
        lambda good: replace(good, halts=[Halt("brand", "interpals", T - 2, T + 3)]),
    ),
    "sent while paused": ("a stop stops", lambda good: replace(good, halts=[Halt("mailing", "m1", T - 2, T + 3)])),
    "counted wrongly": (
        "counters add up",
        lambda good: replace(good, mailings=[mailing(LETTER, ("failed", "")), good.mailings[1]]),
    ),
    "an edited ledger": ("the ledger is sound", lambda good: replace(good, verified=["writer w, entry 3: changed"])),
    "a process that ends": ("processes stay", lambda good: replace(good, endings=["worker 1 ended by itself"])),
}


def test_kept_promises_are_no_violations() -> None:
    """Mail in doubt for a reason, sent again with one id, or begun before an answer or a stop, breaks no promise."""
    assert check(GOOD) == []


@pytest.mark.parametrize("name", BROKEN)
def test_each_broken_promise_is_found(name: str) -> None:
    """A violation made by hand is found and named, even if it breaks more."""
    promise, damage = BROKEN[name]
    assert promise in {violation.promise for violation in check(damage(GOOD))}


def test_mail_that_was_held_up_on_its_way_is_not_late() -> None:
    """Mail that the proxy held up is measured from the moment at which it could pass."""
    late = replace(GOOD, seen=[copy(LETTER, T + 6.5), *GOOD.seen[1:]])
    held = replace(late, faults=[*GOOD.faults, Fault("smtp stalls", T + 1, T + 4, hinders=True)])
    assert "nothing on a lease that ran out" not in {violation.promise for violation in check(held)}


def test_a_stop_of_something_else_stops_nothing_here() -> None:
    """A pause of another brand or mailing does not stop this mailing."""
    others = [Halt("brand", "paltalk-2006", T - 2, T + 3), Halt("mailing", "m3", T - 2, T + 3)]
    assert check(replace(GOOD, halts=others)) == []


def test_a_history_tells_all_about_one_delivery_in_order() -> None:
    """A history has the delivery's entries, copies, opt-out and faults, by time, and nothing of others."""
    told = history(replace(GOOD, halts=[Halt("brand", "interpals", T + 1.5, T + 1.8)]), LETTER)
    kinds = [text.split()[0] for _, text in told]
    assert kinds == ["ledger", "person", "sink", "sink", "fault", "halt", "halt", "ledger"]
    assert [at for at, _ in told] == sorted(at for at, _ in told)
    assert "SIGKILL worker 1" in told[4][1]
