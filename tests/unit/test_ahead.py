"""The memory of a relay that takes commands behind a final dot, or does not."""

from mailer.processors.envelope_ahead import Ahead

ONE, OTHER = object(), object()


def test_one_connection_tries_it_for_all() -> None:
    """Until it has an answer, no other connection sends anything ahead."""
    ahead = Ahead("relay")
    ahead.tried(ONE)
    assert ahead.allows(ONE)
    assert not ahead.allows(OTHER)
    ahead.answered(ONE, taken=False)
    assert not ahead.allows(OTHER)
    ahead.answered(ONE, taken=True)
    assert ahead.allows(OTHER)


def test_a_relay_that_took_them_may_be_lost() -> None:
    """A restart says nothing about its pipelining."""
    ahead = Ahead("relay")
    ahead.tried(ONE)
    ahead.answered(ONE, taken=True)
    ahead.ended(ONE, by_us=False)
    assert ahead.allows(ONE)


def test_a_connection_that_ends_on_the_first_try() -> None:
    """It forbids it for all, unless it was ended from here."""
    ahead = Ahead("relay")
    ahead.tried(ONE)
    ahead.ended(ONE, by_us=True)
    assert ahead.allows(OTHER)
    ahead.tried(OTHER)
    ahead.ended(OTHER, by_us=False)
    assert not ahead.allows(ONE)


def test_a_connection_that_ends_after_its_answer() -> None:
    """Whatever it was, it was not what had been sent ahead."""
    ahead = Ahead("relay")
    ahead.tried(ONE)
    ahead.answered(ONE, taken=False)
    ahead.ended(ONE, by_us=False)
    assert ahead.allows(OTHER)


def test_a_refusal_holds_for_ever() -> None:
    """A change that was on its way elsewhere when it came changes nothing any more."""
    ahead = Ahead("relay")
    ahead.tried(ONE)
    ahead.answered(ONE, taken=True)
    ahead.refused()
    ahead.answered(ONE, taken=True)
    assert not ahead.allows(ONE)
