from mailer.runtime.readiness import Readiness


def test_a_process_is_ready_until_somebody_reports_a_problem() -> None:
    """Each problem stands under its name until the same name reports that it is over."""
    readiness = Readiness()
    assert dict(readiness.problems) == {}
    readiness.set_or_clear_problem("database", "it refuses writes")
    readiness.set_or_clear_problem("consumers", "none")
    readiness.set_or_clear_problem("database", None)
    assert dict(readiness.problems) == {"consumers": "none"}
    readiness.set_or_clear_problem("consumers", None)
    assert dict(readiness.problems) == {}


def test_only_a_beginning_and_an_end_are_news() -> None:
    """A problem that is reported again, in other words too, is no news; so nobody logs it twice."""
    readiness = Readiness()
    told = [
        readiness.set_or_clear_problem("database", text)
        for text in (None, "away", "away", "away since 18:02", None, None)
    ]
    assert told == [False, True, False, False, True, False]
    assert dict(readiness.problems) == {}


def test_a_snapshot_stays_as_it_was() -> None:
    """A reader in another thread sees one state, even if a new one is reported meanwhile."""
    readiness = Readiness()
    readiness.set_or_clear_problem("a", "one")
    seen = readiness.problems
    readiness.set_or_clear_problem("b", "two")
    assert dict(seen) == {"a": "one"}
    assert dict(readiness.problems) == {"a": "one", "b": "two"}
