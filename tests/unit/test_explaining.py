"""Words of an explanation: the ways in which somebody stops mail are told apart, and no address is said."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from mailer.actions.explanations import suppression_in_words
from mailer.policy.deciding import ASKED
from mailer.policy.ledger_reason_wording import fact_label, reason_in_words, without_addresses
from mailer.policy.past_standing import StandingChange, SuppressionOrConsentSpan, standing_at
from mailer.policy.rule_registry import RULES
from mailer.policy.standing import Standing
from mailer.ports.suppressions import Suppression

FIRST, SECOND, THIRD = (datetime(2026, 11, day, 12, tzinfo=UTC) for day in (1, 2, 3))
MAILING = UUID(int=7)


def stop(source: str, actor: str, reason: str = "opt_out", mailing: UUID | None = None) -> Suppression:
    """A suppression of all optional mail."""
    return Suppression(1, "acme", "*", reason, source, actor, FIRST, None, None, None, None, "", "", mailing)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (stop("one-click", "recipient", mailing=MAILING), f"by the one-click link of the mailing weekly ({MAILING})"),
        (stop("page", "recipient"), "on the page behind a link"),
        (stop("not-mine", "recipient"), "by saying on a page that the account is not theirs, behind a link"),
        (stop("import", "recipient"), "by an import (import)"),
        (stop("old system", "import"), "by an import (old system)"),
        (stop("by telephone", "Grace"), "as Grace entered (by telephone)"),
        (stop("list", "partner:seals"), "by the list of a partner (list)"),
        (stop("application", "recipient"), "by the application"),
    ],
)
def test_ways_of_leaving_are_told_apart(given: Suppression, says: str) -> None:
    """A link, a page, an import, an operator, a partner's list and an application each have words of their own."""
    titles = {MAILING: "weekly"}
    assert suppression_in_words(given, titles) == f"left all optional mail on 1 Nov 2026, 12:00 UTC {says}"


def test_a_complaint_is_no_opt_out() -> None:
    """A report of spam is told as one, without the address that the operator typed."""
    words = suppression_in_words(stop("ada@people.example called", "Grace", "complaint"), {})
    assert words.startswith("reported all optional mail as spam on 1 Nov 2026")
    assert "people.example" not in words


def test_nothing_that_a_rule_sees_is_called_by_its_field() -> None:
    """Each thing that a rule looks at has a name without a dot and an underscore."""
    seen = {path for rule in RULES.values() for path in rule.sees}
    assert set(ASKED) <= set(RULES)
    assert [path for path in seen if "." in fact_label(path) or "_" in fact_label(path)] == []


@pytest.mark.parametrize(
    ("reason", "says"),
    [
        ("gave_up no_connection", "the last reason: no processor that may have it could be reached"),
        ("cancelled erased", "it was cancelled: erased"),
        ("quarantined 5.1.1", "fake refused many addresses at once"),
        ("processor_not_in_policy", "the policy's registry has none of those that are set up"),
    ],
)
def test_reasons_without_a_rule_have_words(reason: str, says: str) -> None:
    """Troubles of processors are told in words."""
    assert says in reason_in_words(reason, None, "fake")


def test_an_address_in_a_text_is_left_out() -> None:
    """A text of somebody's own is shown without the addresses in it."""
    assert without_addresses("550 <Ada+x@people.example>, not ada@people.example") == "550 <…@…>, not …@…"


def test_a_standing_is_wound_back() -> None:
    """Words of a later day did not hold, those taken back since did, and a flag without a record is as today."""
    now = Standing(1, 9, "a@b", frozenset(("newsletter",)), objected=True, restricted=True, channel="post")
    acts = [
        StandingChange(FIRST, "opt_out", "promotional"),
        StandingChange(FIRST, "deactivated", None),
        StandingChange(THIRD, "not_deactivated", None),
        StandingChange(THIRD, "lifted opt_out", "promotional"),
        StandingChange(THIRD, "channel post", None),
    ]
    spans = [
        SuppressionOrConsentSpan("opt_out", "newsletter", THIRD),
        SuppressionOrConsentSpan("objection", "*", THIRD),
        SuppressionOrConsentSpan("consent", "partner/seals", FIRST, THIRD),
    ]
    past = standing_at(now, acts, spans, SECOND)
    then = past.standing
    assert (then.opted_out, then.objected, then.deactivated) == (frozenset({"promotional"}), False, True)
    assert (then.consents, then.channel, then.restricted) == (frozenset({"partner/seals"}), "email", True)
    assert any("restricted: as today" in text for text in past.untold)
