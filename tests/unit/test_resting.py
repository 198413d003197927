"""Destinations that do not take their messages wait by themselves."""

from mailer.pipeline.publish_backoff import FIRST_PAUSE, LONGEST_PAUSE, PublishBackoff


class Clock:
    """Time as the test has it."""

    now = 100.0

    def __call__(self) -> float:
        """The time, in seconds."""
        return self.now


def test_who_takes_nothing_waits_longer_each_time_up_to_a_bound() -> None:
    """The pauses are 1, 2, 4, 5 and 5 seconds; in between it is tried again."""
    clock = Clock()
    resting = PublishBackoff[str](clock)
    pauses = []
    for _ in range(5):
        resting.note_results([], ["full"])
        begun = clock.now
        while resting.paused_destinations():
            clock.now += 0.5
        pauses.append(clock.now - begun)
    assert pauses == [FIRST_PAUSE, 2, 4, LONGEST_PAUSE, LONGEST_PAUSE]


def test_who_took_one_and_not_another_waits() -> None:
    """A destination that took some of its messages only waits; one that took all of them does not."""
    resting = PublishBackoff[str](Clock())
    assert resting.note_results(["well", "half"], ["half"]) == ({"half"}, set())
    assert resting.paused_destinations() == ["half"]
    assert resting.note_results([], ["half"]) == (set(), set())
    assert resting.note_results(["half"], []) == (set(), {"half"})
    assert resting.paused_destinations() == []
    assert resting.note_results(["half"], []) == (set(), set())
