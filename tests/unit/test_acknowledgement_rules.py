"""The rules of RFC 3834: which mail gets an automatic answer, and which never does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.inbound.requests.acknowledgement_rules import AcknowledgementObstacle, acknowledgement_obstacle

OWN = frozenset({"optout@paltalk.example", "support@paltalk.example"})
OWN_DOMAINS = frozenset({"bounces.paltalk.example"})
PERSON = [("Return-Path", "<jane@example.org>"), ("From", "Jane <jane@example.org>"), ("Subject", "unsubscribe")]


def obstacle(*more: tuple[str, str], path: str | None = None) -> AcknowledgementObstacle | None:
    """Tells what stands against an answer to Jane's mail with more fields."""
    fields = PERSON if path is None else [("Return-Path", path)]
    return acknowledgement_obstacle([*fields, *more], OWN, OWN_DOMAINS)


def test_a_person_gets_an_answer() -> None:
    """A person's mail is answered, also with fields that say explicitly that it is no automatic one."""
    assert obstacle() is None
    assert (
        obstacle(("Auto-Submitted", "no"), ("Precedence", "first-class"), ("X-Auto-Response-Suppress", "None")) is None
    )
    assert obstacle(("Auto-Submitted", " No (a person); x=y")) is None
    assert obstacle(path="<noreen@example.org>") is None
    assert obstacle(path="<bouncer.jones@example.org>") is None


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (("Auto-Submitted", "auto-replied"), AcknowledgementObstacle.AUTOMATIC),
        (("auto-submitted", "AUTO-GENERATED; x=1"), AcknowledgementObstacle.AUTOMATIC),
        (("Auto-Submitted", ""), AcknowledgementObstacle.AUTOMATIC),
        (("List-Id", "<a.example>"), AcknowledgementObstacle.MAILING_LIST),
        (("list-unsubscribe", "<https://a.example>"), AcknowledgementObstacle.MAILING_LIST),
        (("Precedence", "Bulk"), AcknowledgementObstacle.BULK),
        (("Precedence", "junk"), AcknowledgementObstacle.BULK),
        (("Precedence", " list (really)"), AcknowledgementObstacle.BULK),
        (("X-Auto-Response-Suppress", "All"), AcknowledgementObstacle.SUPPRESSED),
        (("X-Auto-Response-Suppress", "DR, OOF, AutoReply"), AcknowledgementObstacle.SUPPRESSED),
        (("X-Autoreply", "yes"), AcknowledgementObstacle.AUTOMATIC),
        (("Feedback-ID", "a:b:c:d"), AcknowledgementObstacle.AUTOMATIC),
        (("Content-Type", 'multipart/report; report-type="delivery-status"'), AcknowledgementObstacle.REPORT),
        (("X-Spam-Flag", "YES"), AcknowledgementObstacle.SPAM),
        (("X-Spam-Status", "Yes, score=9"), AcknowledgementObstacle.SPAM),
    ],
)
def test_machines_get_none(field: tuple[str, str], expected: AcknowledgementObstacle) -> None:
    """Each field that tells of a machine, a list or spam stops the answer."""
    assert obstacle(field) is expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("<>", AcknowledgementObstacle.NULL_RETURN_PATH),
        ("", AcknowledgementObstacle.NULL_RETURN_PATH),
        ("<not an address>", AcknowledgementObstacle.INVALID_RETURN_PATH),
        ("<a@b.example>\r\nBcc: c@d.example", AcknowledgementObstacle.INVALID_RETURN_PATH),
        ("<a@b.example,c@d.example>", AcknowledgementObstacle.INVALID_RETURN_PATH),
        ("<MAILER-DAEMON@example.org>", AcknowledgementObstacle.MACHINE_ADDRESS),
        ("<no-reply@example.org>", AcknowledgementObstacle.MACHINE_ADDRESS),
        ("<NoReply+17@example.org>", AcknowledgementObstacle.MACHINE_ADDRESS),
        ("<do_not_reply@example.org>", AcknowledgementObstacle.MACHINE_ADDRESS),
        ("<owner-list@example.org>", AcknowledgementObstacle.MACHINE_ADDRESS),
        ("<list-request@example.org>", AcknowledgementObstacle.MACHINE_ADDRESS),
        ("<bounces+jane=example.org@lists.example>", AcknowledgementObstacle.MACHINE_ADDRESS),
        ("<news-jane=example.org@lists.example>", AcknowledgementObstacle.MACHINE_ADDRESS),
        ("<Support@Paltalk.example>", AcknowledgementObstacle.OURSELVES),
        ("<support+token@paltalk.example>", AcknowledgementObstacle.OURSELVES),
        ("<b-17@bounces.paltalk.example>", AcknowledgementObstacle.OURSELVES),
    ],
)
def test_some_senders_get_none(path: str, expected: AcknowledgementObstacle) -> None:
    """Null, broken, many, machines' and our own return paths get no answer."""
    assert obstacle(path=path) is expected


def test_the_return_path_is_one() -> None:
    """Without a return path, or with two, nobody knows who would get the answer."""
    assert acknowledgement_obstacle([], OWN, OWN_DOMAINS) is AcknowledgementObstacle.NO_RETURN_PATH
    assert obstacle(("Return-Path", "<eve@example.org>")) is AcknowledgementObstacle.NO_RETURN_PATH


def test_the_from_field_counts_too() -> None:
    """A person's return path with our own or a machine's From gets no answer."""
    assert obstacle(("From", "optout@paltalk.example"), path="<a@b.example>") is AcknowledgementObstacle.OURSELVES
    assert obstacle(("From", "X <noreply@b.example>"), path="<a@b.example>") is AcknowledgementObstacle.MACHINE_ADDRESS


def test_many_fields_get_none() -> None:
    """A mail with more than 1,000 fields is not looked at."""
    assert obstacle(*[("X-A", "b")] * 1001) is AcknowledgementObstacle.TOO_MANY_FIELDS


@given(st.lists(st.tuples(st.text(max_size=30), st.text(max_size=100)), max_size=20))
def test_no_field_makes_it_raise(fields: list[tuple[str, str]]) -> None:
    """Any fields get a verdict; without a return path it is a refusal."""
    found = acknowledgement_obstacle(fields, OWN, OWN_DOMAINS)

    assert found is not None or any(name.strip().lower() == "return-path" for name, _ in fields)
