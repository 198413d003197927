from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.actions.delivery_transitions import LONGEST_RETRY, retry_delay_for_age
from mailer.pipeline.planned_delivery_moves import PlannedHandOver
from mailer.pipeline.routing import NOT_ALLOWED
from mailer.pipeline.transitions import plan_move_for_decision_against_sending, transition_after_outcome
from mailer.policy.category import CATEGORIES
from mailer.policy.decision_types import Divert
from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.policy.standing import Standing
from mailer.ports.deliveries import DeliveryRow, DeliveryState
from mailer.ports.ledger_entry import EntryKind
from mailer.rendering.mailing_renderer import MailingRenderer
from tests.doubles import FakeProcessor
from tests.renderers import plan, renderer_of

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ADA = Standing(17, 3, "ada@people.example", source="sign-up", country="US", products=frozenset({"*"}))
RELAY = FakeProcessor(name="relay", country="DE", contract="DPA-7")


def row_of(renderer: MailingRenderer, standing: Standing = ADA, **values: Any) -> DeliveryRow:
    """A claimed delivery."""
    return DeliveryRow(
        renderer.facts.id, standing.recipient_id, standing=standing, **{"attempt": 1, "name": "Ada", **values}
    )


def intended(category: str = "newsletter", tried_at: datetime | None = None, **values: Any) -> PlannedHandOver:
    """A delivery that is about to be handed over."""
    renderer = renderer_of(category, **{"released_at": NOW - timedelta(hours=1), **values})
    return sent(renderer, tried_at=tried_at)


def sent(renderer: MailingRenderer, standing: Standing = ADA, **values: Any) -> PlannedHandOver:
    """The step that is prepared for a person who gets the mail."""
    step = plan(row_of(renderer, standing, **values), renderer, RELAY, NOW)
    assert isinstance(step, PlannedHandOver)
    return step


def test_a_diverted_delivery_keeps_the_channel_that_the_person_wished() -> None:
    """The queue of notices reads the channel from the delivery; the ledger's decision has the reason."""
    renderer = renderer_of("newsletter")
    decision = Divert("phone", "channel_preference", "channel", "2024")
    change = plan_move_for_decision_against_sending(row_of(renderer), renderer, decision).change
    assert (change.move.to_state, change.move.reason, change.move.due_at) == (DeliveryState.DIVERTED, "phone", None)
    assert [(entry.kind, entry.reason) for entry in change.entries] == [(EntryKind.DECISION, "channel_preference")]


def test_who_gets_it_is_intended_on_the_standing_that_was_decided_on() -> None:
    """A send becomes an intent that is bound to the standing's version, with decision and hand-over in the ledger."""
    step = intended()
    assert (step.change.move.from_state, step.change.move.to_state, step.change.move.version) == (
        DeliveryState.CLAIMED,
        DeliveryState.INTENDED,
        3,
    )
    decision, hand_over = step.change.entries
    assert (decision.kind, decision.reason, decision.rule, decision.policy) == (
        EntryKind.DECISION,
        "send",
        "send",
        "2024",
    )
    assert (hand_over.kind, hand_over.processor, hand_over.country) == (EntryKind.HAND_OVER, "relay", "DE")
    assert (hand_over.contract, hand_over.purpose) == ("DPA-7", "newsletter")
    assert hand_over.fields == ("email", "name", "locale", "context.headline", "context.items")
    assert step.rendered.outgoing.recipient == "ada@people.example"
    assert f"Message-ID: <{hand_over.message_id}>".encode() in step.rendered.outgoing.content.replace(b"\r\n ", b" ")


def test_the_message_id_stays_with_the_delivery() -> None:
    """A second attempt has the Message-ID of the first, so that a copy can be known as one."""
    renderer = renderer_of("service")
    first, second = (plan(row_of(renderer, attempt=attempt), renderer, RELAY, NOW) for attempt in (1, 2))
    assert first.change.entries[1].message_id == second.change.entries[1].message_id


def test_the_envelope_has_a_labels() -> None:
    """The domain of the envelope recipient travels as A-labels (RFC 5891), since SMTP knows no others."""
    renderer = renderer_of()
    step = sent(renderer, Standing(17, 1, "ada@b\u00fccher.example", source="sign-up", country="US"))
    assert step.rendered.outgoing.recipient == "ada@xn--bcher-kva.example"


def test_who_does_not_get_it() -> None:
    """A suppression, an end, a wait and a diversion each lead to their state, with the rule in the ledger."""
    newsletter, breach = renderer_of(), renderer_of("breach")
    soon = NOW + timedelta(hours=1)
    cases = [
        (newsletter, Standing(1, 1, "a@x.example", frozenset({"*"})), DeliveryState.SUPPRESSED, "opted_out", None),
        (renderer_of(expires_at=NOW), ADA, DeliveryState.EXPIRED, "expired", None),
        (renderer_of(send_at=soon), ADA, DeliveryState.HELD, "not_yet_due", soon),
        (breach, Standing(1, 1, None), DeliveryState.DIVERTED, "written_notice", None),
    ]
    for renderer, standing, state, reason, due_at in cases:
        step = plan(row_of(renderer, standing), renderer, RELAY, NOW)
        assert (step.change.move.to_state, step.change.move.reason, step.change.move.due_at) == (state, reason, due_at)
        assert step.change.move.version is None
        assert not isinstance(step, PlannedHandOver)
        [entry] = step.change.entries
        assert entry.kind is EntryKind.DECISION
        assert entry.rule


def test_service_mail_to_who_pays_nothing_is_an_update() -> None:
    """The category of the mail to this person stands in the ledger and on the row; account mail is tried for longer."""
    renderer, tried = renderer_of("service"), NOW - timedelta(days=2, hours=1)
    step = sent(renderer, replace(ADA, products=frozenset()), tried_at=tried)
    assert (step.category.name, step.change.move.sent_as) == ("updates", "updates")
    assert {entry.category for entry in step.change.entries} == {"updates"}
    assert transition_after_outcome(step, Outcome(OutcomeKind.DEFERRED, 451), NOW).move.to_state is DeliveryState.FAILED
    paid = sent(renderer, tried_at=tried)
    assert (paid.category.name, paid.change.move.sent_as) == ("service", None)
    own = sent(renderer_of("account"), replace(ADA, products=frozenset()), tried_at=tried)
    assert (own.category.name, own.change.move.sent_as) == ("account", None)
    assert (
        transition_after_outcome(own, Outcome(OutcomeKind.DEFERRED, 451), NOW).move.to_state is DeliveryState.DEFERRED
    )


def test_a_processor_that_may_not_have_it() -> None:
    """Mail that the policy lets no configured processor have is held, with the rule that says so, and tried again."""
    renderer = renderer_of("service")
    abroad = FakeProcessor(name="relay-us", country="DE", is_outside_our_network=True)
    step = plan(row_of(renderer), renderer, abroad, NOW)
    assert (step.change.move.to_state, step.change.move.reason) == (DeliveryState.HELD, "processor_in_another_country")
    assert step.change.move.due_at == NOW + NOT_ALLOWED
    assert [entry.rule for entry in step.change.entries] == ["processor-known"]


def test_an_invitation_says_so() -> None:
    """The intent of an invitation uses its address up. It has no intent if its inviter was stopped since the claim."""
    renderer = renderer_of("invitation", inviter="grace")
    assert plan(row_of(renderer), renderer, RELAY, NOW).change.move.invites
    stopped = plan(row_of(renderer, inviter_paused=True), renderer, RELAY, NOW).change.move
    assert (stopped.to_state, stopped.reason, stopped.invites) == (DeliveryState.SUPPRESSED, "inviter_paused", False)


@pytest.mark.parametrize(
    "context",
    [{"headline": "a\nBcc: x@y.example"}, {"items": 5}, {"items": [{"title": "no more"}]}, {"headline": None}],
)
def test_who_cannot_be_rendered_fails_alone(context: dict[str, Any]) -> None:
    """A value that breaks the template fails this delivery, and not its window; the ledger's side row says why."""
    renderer = renderer_of()
    step = plan(row_of(renderer, context=context), renderer, RELAY, NOW)
    assert (step.change.move.to_state, step.change.move.reason) == (DeliveryState.FAILED, "render_error")
    assert not isinstance(step, PlannedHandOver)
    assert [entry.kind for entry in step.change.entries] == [EntryKind.DECISION, EntryKind.OUTCOME]
    assert step.change.entries[1].reply


@pytest.mark.parametrize(
    ("outcome", "state", "reason", "ledger"),
    [
        (Outcome(OutcomeKind.ACCEPTED, 250, "2.0.0", "ok"), DeliveryState.HANDED_OVER, "", "accepted"),
        (Outcome(OutcomeKind.REFUSED, 550, "5.1.1", "no"), DeliveryState.FAILED, "5.1.1", "refused 5.1.1"),
        (Outcome(OutcomeKind.BLOCKED, 554, None, "spam"), DeliveryState.FAILED, "554", "blocked 554"),
        (Outcome(OutcomeKind.DEFERRED, 451, "4.7.1", "later"), DeliveryState.DEFERRED, "4.7.1", "deferred 4.7.1"),
        (Outcome(OutcomeKind.IN_DOUBT), DeliveryState.IN_DOUBT, "in_doubt", "in_doubt"),
        (Outcome(OutcomeKind.UNSENT), DeliveryState.CLAIMED, "", "unsent"),
    ],
    ids=lambda value: value.result.value if isinstance(value, Outcome) else None,
)
def test_what_follows_from_an_outcome(outcome: Outcome, state: DeliveryState, reason: str, ledger: str) -> None:
    """Each outcome leads to one state with its reason, and stands in the ledger with the processor's own words."""
    change = transition_after_outcome(intended(), outcome, NOW)
    assert (change.move.from_state, change.move.to_state, change.move.reason) == (DeliveryState.INTENDED, state, reason)
    assert (change.move.due_at is not None) is (state in (DeliveryState.DEFERRED, DeliveryState.IN_DOUBT))
    [entry] = change.entries
    assert (entry.kind, entry.reason, entry.processor) == (EntryKind.OUTCOME, ledger, "relay")
    assert entry.reply == (f"{outcome.code} {outcome.text}" if outcome.code else None)
    assert entry.message_id


@pytest.mark.parametrize("category", ["newsletter", "service", "breach"])
def test_it_gives_up_in_the_end(category: str) -> None:
    """Mail that is refused for now is tried for as long as its category says, from when it was offered first."""
    age, deferred = CATEGORIES[category].max_age, Outcome(OutcomeKind.DEFERRED, 451, None, "later")
    released = NOW - timedelta(days=30)
    younger, older = NOW - age + timedelta(minutes=1), NOW - age - timedelta(minutes=1)
    assert (
        transition_after_outcome(intended(category, released_at=released), deferred, NOW).move.to_state
        is DeliveryState.DEFERRED
    )
    again = transition_after_outcome(intended(category, tried_at=younger, released_at=released), deferred, NOW).move
    assert again.to_state is DeliveryState.DEFERRED
    end = transition_after_outcome(intended(category, tried_at=older), deferred, NOW).move
    given_up = (
        (DeliveryState.DIVERTED, "written_notice") if category == "breach" else (DeliveryState.FAILED, "gave_up 451")
    )
    assert (end.to_state, end.reason, end.due_at) == (*given_up, None)


def test_a_doubted_refusal_waits_for_a_person() -> None:
    """A refusal in quarantine leaves the delivery held until somebody has judged it."""
    change = transition_after_outcome(intended(), Outcome(OutcomeKind.REFUSED, 550, "5.1.1", "no"), NOW, doubted=True)
    assert (change.move.to_state, change.move.reason, change.move.due_at) == (DeliveryState.HELD, "quarantined", None)
    assert change.entries[0].reason == "refused quarantined 5.1.1"


@given(st.timedeltas(timedelta(0), timedelta(days=5)), st.floats(0, 1))
def test_the_wait_grows_and_is_bounded(age: timedelta, spread: float) -> None:
    """A wait is half a minute at least and six hours at most, and between them as long as it took until now."""
    delay = retry_delay_for_age(age, spread)
    assert timedelta(seconds=30) <= delay <= LONGEST_RETRY * 1.5
    assert retry_delay_for_age(age, 0.5) == age or age < timedelta(minutes=1) or age > LONGEST_RETRY
    assert retry_delay_for_age(age + timedelta(minutes=1), spread) >= delay


def test_a_broken_set_up_holds_mail_and_tries_breach_mail_on() -> None:
    """Mandatory mail is held for as long as it takes; optional mail is given up when stale; breach mail is tried on."""
    broken = Outcome(OutcomeKind.SET_UP, 550, "5.7.26", "unauthenticated")
    old = NOW - timedelta(days=30)
    for category, tried_at, state, reason in (
        ("newsletter", None, DeliveryState.HELD, "set_up"),
        ("newsletter", old, DeliveryState.FAILED, "gave_up 5.7.26"),
        ("service", None, DeliveryState.HELD, "set_up"),
        ("service", old, DeliveryState.HELD, "set_up"),
        ("breach", None, DeliveryState.DEFERRED, "5.7.26"),
        ("breach", old, DeliveryState.DIVERTED, "written_notice"),
    ):
        change = transition_after_outcome(intended(category, tried_at=tried_at, released_at=old), broken, NOW)
        assert (change.move.to_state, change.move.reason) == (state, reason), category
        assert change.entries[0].reason == "set_up 5.7.26"


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome(OutcomeKind.REFUSED, 550, "5.1.1", "no such user"),
        Outcome(OutcomeKind.BLOCKED, 554, "5.7.1", "spam"),
        Outcome(OutcomeKind.BLOCKED, status="5.6.7", text="not sent: the relay does not offer SMTPUTF8"),
        Outcome(OutcomeKind.DEFERRED, 451, "4.3.0", "later"),
        Outcome(OutcomeKind.SET_UP, 550, "5.7.26", "unauthenticated"),
    ],
    ids=lambda outcome: f"{outcome.result} {outcome.status}",
)
def test_a_breach_notice_ends_in_writing_whatever_ends_it(outcome: Outcome) -> None:
    """No class of reply lets a notice that everyone must get just fail."""
    step = intended("breach", tried_at=NOW - timedelta(days=30), released_at=NOW - timedelta(days=30))
    move = transition_after_outcome(step, outcome, NOW).move
    assert (move.to_state, move.reason) == (DeliveryState.DIVERTED, "written_notice")


def test_a_breach_notice_that_cannot_be_made_is_written() -> None:
    """A value that breaks the template ends in writing; a time that has passed, known from before, ends nothing."""
    broken, over = renderer_of("breach"), renderer_of("breach", expires_at=NOW)
    step = plan(row_of(broken, context={"happened_on": "a\nBcc: x@y.example", "contact": None}), broken, RELAY, NOW)
    assert (step.change.move.to_state, step.change.move.reason) == (DeliveryState.DIVERTED, "written_notice")
    assert isinstance(plan(row_of(over), over, RELAY, NOW), PlannedHandOver)


@pytest.mark.parametrize(
    ("category", "age", "state", "reason"),
    [
        ("breach", timedelta(hours=23), DeliveryState.HELD, "processor_not_in_policy"),
        ("breach", timedelta(hours=25), DeliveryState.DIVERTED, "written_notice"),
        ("service", timedelta(hours=25), DeliveryState.HELD, "processor_not_in_policy"),
        ("service", timedelta(hours=49), DeliveryState.FAILED, "gave_up processor_not_in_policy"),
        ("policy_change", timedelta(hours=49), DeliveryState.HELD, "processor_not_in_policy"),
        ("policy_change", timedelta(days=5, hours=1), DeliveryState.FAILED, "gave_up processor_not_in_policy"),
        ("newsletter", timedelta(days=2, hours=1), DeliveryState.FAILED, "gave_up processor_not_in_policy"),
    ],
)
def test_what_no_processor_may_have_ends(category: str, age: timedelta, state: DeliveryState, reason: str) -> None:
    """Mail that no processor may have is held while it is young. Then a notice is written, and other mail ends."""
    renderer = renderer_of(category, released_at=NOW - age)
    step = plan(row_of(renderer), renderer, FakeProcessor(name="elsewhere", is_outside_our_network=True), NOW)
    assert (step.change.move.to_state, step.change.move.reason) == (state, reason)
    assert [entry.rule for entry in step.change.entries] == ["processor-known"]
    assert "processor_not_in_policy" in str(step.change.entries[0].reason)
