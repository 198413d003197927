"""The memory of a relay that takes commands behind a final dot, or does not."""

from mailer.processors.smtp.envelope_ahead_support import EnvelopeAheadSupport

ONE, OTHER = object(), object()


def test_one_connection_tries_it_for_all() -> None:
    """No other connection sends anything ahead until the first one has an answer."""
    ahead = EnvelopeAheadSupport("relay")
    ahead.note_first_attempt_started(ONE)
    assert ahead.is_allowed_on_connection(ONE)
    assert not ahead.is_allowed_on_connection(OTHER)
    ahead.note_answer(ONE, taken=False)
    assert not ahead.is_allowed_on_connection(OTHER)
    ahead.note_answer(ONE, taken=True)
    assert ahead.is_allowed_on_connection(OTHER)


def test_a_relay_that_took_them_may_be_lost() -> None:
    """A restart says nothing about its pipelining."""
    ahead = EnvelopeAheadSupport("relay")
    ahead.note_first_attempt_started(ONE)
    ahead.note_answer(ONE, taken=True)
    ahead.note_connection_end(ONE, by_us=False)
    assert ahead.is_allowed_on_connection(ONE)


def test_a_connection_that_ends_on_the_first_try() -> None:
    """A connection that ends on the first try forbids sending ahead, unless we ended it."""
    ahead = EnvelopeAheadSupport("relay")
    ahead.note_first_attempt_started(ONE)
    ahead.note_connection_end(ONE, by_us=True)
    assert ahead.is_allowed_on_connection(OTHER)
    ahead.note_first_attempt_started(OTHER)
    ahead.note_connection_end(OTHER, by_us=False)
    assert not ahead.is_allowed_on_connection(ONE)


def test_a_connection_that_ends_after_its_answer() -> None:
    """A connection that ends after its answer did not end because of commands sent ahead."""
    ahead = EnvelopeAheadSupport("relay")
    ahead.note_first_attempt_started(ONE)
    ahead.note_answer(ONE, taken=False)
    ahead.note_connection_end(ONE, by_us=False)
    assert ahead.is_allowed_on_connection(OTHER)


def test_a_refusal_holds_for_ever() -> None:
    """A change that was on its way elsewhere when it came changes nothing any more."""
    ahead = EnvelopeAheadSupport("relay")
    ahead.note_first_attempt_started(ONE)
    ahead.note_answer(ONE, taken=True)
    ahead.forbid_after_retry_succeeded()
    ahead.note_answer(ONE, taken=True)
    assert not ahead.is_allowed_on_connection(ONE)
