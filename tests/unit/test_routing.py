"""The choice of a processor for a message."""

from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial

import pytest

from mailer.pipeline import routing
from mailer.pipeline.circuit_breaker import PROBE
from mailer.pipeline.no_route import NoRoute
from mailer.pipeline.routing import (
    BARRED,
    BEHIND,
    CATCHING_UP,
    HALTED,
    NO_CONNECTION,
    NOT_ALLOWED,
    RECENT,
    SEVERAL,
    SILENT,
    SLOW_ALONE,
    SLOW_WINDOWS,
    ProcessorRoutes,
)
from mailer.policy.category import Lane
from mailer.policy.connection_trouble import ConnectionTrouble
from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.policy.policy_file import Policy
from mailer.policy.processor_rules import REFUSALS, ProcessorUse, refusal_of_processor_use
from mailer.policy.third_parties import PermittedProcessor
from tests.doubles import FakeProcessor
from tests.factories import policies, until

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
PURPOSE = "newsletter"
SENDER = "letters@mail.interpals.example"
AWAY = Outcome(OutcomeKind.UNSENT, text="no connection", trouble=ConnectionTrouble.UNREACHABLE)
WITHHELD = Outcome(OutcomeKind.UNSENT, text="paused")
TAKEN = Outcome(OutcomeKind.ACCEPTED, 250)


@dataclass
class Scene:
    """Routes, with a clock and halts that the test sets."""

    processors: Sequence[FakeProcessor]
    halts: dict[str, str] = field(default_factory=dict)
    seconds: float = 1000.0
    met: int = 0

    def __post_init__(self) -> None:
        self.routes = ProcessorRoutes(self.processors, self.halts.get, lambda: self.seconds)

    def note(self, name: str, outcomes: Sequence[Outcome]) -> None:
        """Records outcomes of messages to people who were not met before."""
        self.routes.note_outcomes_for_routing(
            name, outcomes, range(self.met, self.met + len(outcomes)), lambda _: SENDER
        )
        self.met += len(outcomes)

    def choose(
        self, policy: Policy | None = None, purpose: str = PURPOSE, now: datetime = NOW, *, lane: Lane = Lane.NEWSLETTER
    ) -> str | NoRoute:
        """The name of the chosen processor."""
        found = self.routes.choose_processor(policy or policies()["interpals"], purpose, now, lane=lane)
        return found if isinstance(found, NoRoute) else found.name

    def shares(self, messages: int = 60) -> Counter[str | NoRoute]:
        """The number of messages that each processor gets."""
        return Counter(self.choose() for _ in range(messages))


def test_weights_are_shares() -> None:
    """Weights of 3 and 1 give three quarters and a quarter, evenly mixed. A reserve gets nothing."""
    scene = Scene([FakeProcessor(name="a", weight=3), FakeProcessor(name="b"), FakeProcessor(name="spare", weight=0)])
    assert scene.shares() == {"a": 45, "b": 15}
    assert [scene.choose() for _ in range(4)].count("b") == 1


def test_a_reserve_takes_over_when_no_other_can() -> None:
    """One of weight 0 gets mail while all others are halted or away, in the order of the settings, and no longer."""
    scene = Scene([FakeProcessor(name=name, weight=weight) for name, weight in [("a", 1), ("spare", 0), ("last", 0)]])
    scene.halts["a"] = "paused"
    assert scene.shares() == {"spare": 60}
    scene.halts["spare"] = "paused"
    assert scene.shares() == {"last": 60}
    scene.halts.clear()
    assert scene.shares() == {"a": 60}


def test_each_serves_its_own_purposes() -> None:
    """A processor with purposes gets only those. Mail that none serves is held, with the rule that says so."""
    scene = Scene([FakeProcessor(name="a", purposes=frozenset({"newsletter"})), FakeProcessor(name="b")])
    assert scene.choose(purpose="notice") == "b"
    assert scene.shares() == {"a": 30, "b": 30}
    alone = Scene([FakeProcessor(name="a", purposes=frozenset({"newsletter"}))])
    assert alone.choose(purpose="notice") == NoRoute("purpose_not_of_processor", "processor-known", NOW + NOT_ALLOWED)


def test_the_policy_decides_who_may() -> None:
    """An outside processor that the policy does not name gets nothing; if all are so, its refusal is the reason."""
    terms = PermittedProcessor(name="b", country="DE", purposes=(PURPOSE,), since=date(2026, 1, 1))
    policy = policies()["interpals"].model_copy(update={"processors": (terms,)})
    outside = [FakeProcessor(name=name, country="DE", is_outside_our_network=True) for name in ("a", "b")]
    assert Scene(outside).choose(policy) == "b"
    assert Scene(outside[:1]).choose(policy) == NoRoute("processor_not_in_policy", "processor-known", NOW + NOT_ALLOWED)


def test_a_new_day_is_looked_up_anew() -> None:
    """The policy's registry is dated: from the day on which a processor is in it, it gets mail."""
    tomorrow = NOW + timedelta(days=1)
    terms = PermittedProcessor(name="a", country="DE", purposes=(PURPOSE,), since=tomorrow.date())
    policy = policies()["interpals"].model_copy(update={"processors": (terms,)})
    scene = Scene([FakeProcessor(name="a", country="DE", is_outside_our_network=True)])
    assert isinstance(scene.choose(policy), NoRoute)
    assert scene.choose(policy, now=tomorrow) == "a"


def test_a_processor_that_is_away_is_left_alone_and_probed() -> None:
    """Mail that a processor could not take goes to the other one at once. After the pause, one window probes it."""
    scene = Scene([FakeProcessor(name="a"), FakeProcessor(name="b")])
    scene.note("a", [AWAY, AWAY])
    assert scene.shares() == {"b": 60}
    scene.seconds += 5
    assert scene.shares(4 * PROBE) == {"a": PROBE, "b": 3 * PROBE}
    scene.note("a", [TAKEN])
    assert scene.shares() == {"a": 30, "b": 30}


@pytest.mark.parametrize(
    "lost",
    [
        AWAY,
        Outcome(OutcomeKind.IN_DOUBT, text="lost after the final dot"),
        Outcome(OutcomeKind.DEFERRED, text="lost before the final dot"),
        Outcome(OutcomeKind.DEFERRED, 421, "4.3.2", "shutting down"),
    ],
)
def test_a_window_without_any_answer_opens_the_breaker(lost: Outcome) -> None:
    """No connection, connections lost and 421 say that nobody is there; one real answer says the contrary."""
    scene = Scene([FakeProcessor(name="a")])
    scene.note("a", [lost, Outcome(OutcomeKind.DEFERRED, 450, "4.2.0", "greylisted")])
    assert scene.choose() == "a"
    scene.note("a", [lost, lost, WITHHELD])
    found = scene.choose()
    assert isinstance(found, NoRoute)
    assert (found.reason, found.rule) == (NO_CONNECTION, None)
    assert timedelta(seconds=3.75) <= found.until - NOW <= timedelta(seconds=5)


def test_what_was_withheld_says_nothing_of_the_processor() -> None:
    """A window that was paused, or whose tokens were over, neither opens nor closes anything."""
    scene = Scene([FakeProcessor(name="a")])
    scene.note("a", [WITHHELD] * 3)
    scene.note("a", [])
    assert scene.choose() == "a"
    scene.note("a", [AWAY])
    scene.note("a", [WITHHELD])
    assert isinstance(scene.choose(), NoRoute)


def test_the_earliest_moment_to_try_again() -> None:
    """The earliest time to try again is the sooner one, if one processor is halted and one is away."""
    scene = Scene([FakeProcessor(name="a"), FakeProcessor(name="b")])
    scene.halts["a"] = "processor_paused"
    scene.halts["b"] = "processor_paused"
    assert scene.choose() == NoRoute("processor_paused", None, NOW + HALTED)
    del scene.halts["b"]
    scene.note("b", [AWAY])
    found = scene.choose()
    assert isinstance(found, NoRoute)
    assert found.reason == NO_CONNECTION
    assert found.until < NOW + HALTED


def test_two_of_one_name_are_refused() -> None:
    """The ledger could not tell them apart."""
    with pytest.raises(ValueError, match=r"two processors are called a; give each a name of its own"):
        Scene([FakeProcessor(name="a"), FakeProcessor(name="b"), FakeProcessor(name="a")])


def denied(code: int = 554) -> Outcome:
    """A message with which a processor refused us."""
    return Outcome(OutcomeKind.UNSENT, code, "5.7.1", "Relay access denied", ConnectionTrouble.REFUSED)


def test_a_processor_that_refuses_us_several_times_is_left_alone() -> None:
    """A single refusal may mean its recipient; several in a row, and none taken lately, are of us."""
    scene = Scene([FakeProcessor(name="a")])
    for _ in range(SEVERAL - 1):
        scene.note("a", [denied()])
        assert scene.choose() == "a"
    scene.note("a", [denied()])
    found = scene.choose()
    assert isinstance(found, NoRoute)
    assert scene.routes.condition_by_processor["a"].state == "misconfigured"


def test_one_recipient_is_no_reason_to_leave_a_processor_alone() -> None:
    """However often their messages are offered, and though nobody else's were for hours, the next one finds it free."""
    scene = Scene([FakeProcessor(name="a")])
    scene.note("a", [TAKEN])
    for _ in range(5 * SEVERAL):
        scene.seconds += 5 * RECENT
        scene.routes.note_outcomes_for_routing("a", [denied()], [7], lambda _: SENDER)
        assert scene.choose() == "a"
    assert scene.routes.condition_by_processor["a"].state == "refuses_some"


def test_a_processor_that_takes_mail_is_not_left_alone_for_some() -> None:
    """However many messages it refuses us with, while it takes others it is used; after a while without it is not."""
    scene = Scene([FakeProcessor(name="a")])
    scene.note("a", [TAKEN])
    scene.note("a", [denied()] * 60)
    assert scene.choose() == "a"
    assert scene.routes.condition_by_processor["a"].state == "refuses_some"
    scene.seconds += RECENT
    scene.note("a", [denied()])
    assert isinstance(scene.choose(), NoRoute)
    assert scene.routes.condition_by_processor["a"].state == "misconfigured"


def test_nobody_is_closed_to_whom_no_processor_may_serve_any_more() -> None:
    """A contract can end while a message is under way; then somebody may still mend that."""
    scene, policy = Scene([FakeProcessor(name="a", purposes=frozenset({"notice"}))]), policies()["interpals"]
    scene.note("a", [denied(), TAKEN])
    assert scene.routes.is_recipient_refused_by_all(policy, "notice", 0, SENDER, {"a"})
    assert not scene.routes.is_recipient_refused_by_all(policy, PURPOSE, 0, SENDER, {"a"})


def test_who_does_not_take_a_message_ends_no_other_ones_trouble() -> None:
    """A message of which one processor lacks an extension has waited for as long as the other one is away."""
    scene, policy = Scene([FakeProcessor(name="able"), FakeProcessor(name="lacks")]), policies()["interpals"]
    scene.note("able", [AWAY])
    later = datetime.now(UTC) + timedelta(hours=2)
    found = scene.routes.choose_processor(policy, PURPOSE, later, ["lacks"], lane=Lane.NEWSLETTER)
    assert isinstance(found, NoRoute)
    assert timedelta(hours=1) < found.lasting < timedelta(hours=3)


def test_who_has_refused_a_message_is_passed_over_for_it() -> None:
    """A processor that refused a message does not get it again. It goes by another one, by a reserve, or later."""
    processors = [FakeProcessor(name="a"), FakeProcessor(name="b"), FakeProcessor(name="spare", weight=0)]
    routes, policy = Scene(processors).routes, policies()["interpals"]
    for barred, name in ((["a"], "b"), (["a", "b"], "spare")):
        found = routes.choose_processor(policy, PURPOSE, NOW, barred, lane=Lane.NEWSLETTER)
        assert not isinstance(found, NoRoute)
        assert found.name == name
    assert routes.choose_processor(policy, PURPOSE, NOW, ["a", "b", "spare"], lane=Lane.NEWSLETTER) == NoRoute(
        NO_CONNECTION, None, NOW + BARRED
    )


class Carried:
    """Windows that processors have in hand until the test ends them. Counts how often each was called late."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self.late = Counter[str]()

    async def by(self, stack: ExitStack, name: str, windows: int = SLOW_WINDOWS) -> None:
        """Returns once a processor is slow with some windows more."""
        late = self._scene.routes._relays[name].late
        wanted = late[Lane.NEWSLETTER] + windows
        for _ in range(windows):
            is_late = partial(self.late.update, [name])
            stack.enter_context(
                self._scene.routes.watching_window_for_slowness(name, lane=Lane.NEWSLETTER, is_late=is_late)
            )

        async def slow() -> bool:
            return late[Lane.NEWSLETTER] == wanted

        await until(slow)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A window takes long after a hundredth of a second."""
    monkeypatch.setattr(routing, "LONG", 0.01)


@pytest.mark.usefixtures("quick")
async def test_a_slow_processor_keeps_nothing_from_the_others() -> None:
    """A processor with two slow windows gets only its own mail. With more, even that waits."""
    scene = Scene([FakeProcessor(name="a", weight=9), FakeProcessor(name="b", purposes=frozenset({PURPOSE}))])
    carried = Carried(scene)
    with ExitStack() as stack:
        await carried.by(stack, "a", 1)
        assert scene.shares()["a"] == 54
        await carried.by(stack, "a", 1)
        assert scene.shares() == {"b": 60}
        assert scene.choose(purpose="notice") == "a"
        await carried.by(stack, "a", SLOW_ALONE - SLOW_WINDOWS)
        assert scene.choose(purpose="notice") == NoRoute(BEHIND, None, NOW + CATCHING_UP)
        # Nor does one lane keep another one: a breach notice to all may make its windows wait for one another.
        for lane in set(Lane) - {Lane.NEWSLETTER}:
            assert scene.choose(purpose="notice", lane=lane) == "a"
    assert scene.shares()["a"] == 54


@pytest.mark.usefixtures("quick")
async def test_a_processor_is_said_to_be_slow_once_no_window_ends() -> None:
    """Windows that wait for one another, as those of a large mailing do at any relay, are no trouble of its."""
    scene = Scene([FakeProcessor(name="a"), FakeProcessor(name="b")])
    carried = Carried(scene)

    def is_slow() -> bool:
        return scene.routes.condition_by_processor["a"].state == "slow"

    async def look_again() -> None:
        before = carried.late["a"]

        async def told() -> bool:
            return carried.late["a"] >= before + 2 * SLOW_WINDOWS

        await until(told)

    with ExitStack() as stack:
        await carried.by(stack, "a")
        scene.seconds += SILENT - 1
        with scene.routes.watching_window_for_slowness("a", lane=Lane.NEWSLETTER, is_late=lambda: None):
            pass
        scene.seconds += SILENT - 1
        await look_again()
        assert not is_slow()
        scene.seconds += 1
        await look_again()
        assert is_slow()


@pytest.mark.usefixtures("quick")
async def test_mail_waits_in_line_where_all_that_work_are_slow() -> None:
    """Mail waits if all working processors are slow, since no consumer could do anything else."""
    scene = Scene([FakeProcessor(name=name) for name in "abc"])
    carried = Carried(scene)
    with ExitStack() as stack:
        await carried.by(stack, "a")
        await carried.by(stack, "b")
        assert scene.shares() == {"c": 60}
        scene.halts["c"] = "paused"
        assert scene.shares() == {"a": 30, "b": 30}
        scene.halts.clear()
        scene.note("c", [AWAY])
        assert scene.shares() == {"a": 30, "b": 30}
        scene.seconds += 3600  # it may be probed, and gets one window for that
        assert scene.shares(4 * PROBE)["c"] == PROBE
    assert Scene([FakeProcessor(name="only")]).choose() == "only"


@pytest.mark.usefixtures("quick")
async def test_who_waits_for_a_slow_processor_is_told_while_others_can_take_mail() -> None:
    """A slow processor alone is waited for. Once another one can take mail, the next look tells the waiting window."""
    scene = Scene([FakeProcessor(name="a"), FakeProcessor(name="b")])
    scene.halts["b"] = "paused"
    carried = Carried(scene)
    with ExitStack() as stack:
        await carried.by(stack, "a")
        assert carried.late["a"] == 0
        scene.halts.clear()

        async def told() -> bool:
            return carried.late["a"] >= SLOW_WINDOWS

        await until(told)


def test_each_reason_that_forbids_a_hand_over_is_explained() -> None:
    """Operators read what to mend for each reason that `refusal` or the lack of a processor gives, and no other."""
    terms = PermittedProcessor(name="a", country="DE", purposes=(PURPOSE,), since=date(2026, 1, 1))
    policy = policies()["interpals"].model_copy(update={"processors": (terms,), "no_retention": True})
    day = NOW.date()
    asked = [("b", "DE", PURPOSE), ("a", "US", PURPOSE), ("a", "DE", "notice"), ("a", "DE", PURPOSE)]
    found = {
        refusal_of_processor_use(policy, ProcessorUse(name, country, True, purpose, day))
        for name, country, purpose in asked
    }
    reasons = {reason for reason, _ in filter(None, found)}
    alone = Scene([FakeProcessor(name="a", purposes=frozenset({"notice"}))]).choose()
    assert isinstance(alone, NoRoute)
    assert reasons | {alone.reason} == set(REFUSALS)
