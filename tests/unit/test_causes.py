"""The table of causes: the rules against what was written by hand, and the page against the rules."""

import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mailer.cli.causes_that_stop_mail import shipped_policy
from mailer.cli.policy import app
from mailer.policy.category import CATEGORIES
from mailer.policy.deciding import ASKED, SEND
from mailer.policy.decision_by_cause_table import (
    CAUSES,
    CauseAgainstSending,
    decision_by_category_for_cause,
    decision_words_by_category,
)
from tests.factories import policies

EXPECTED: dict[str, dict[str, str]] = tomllib.loads(Path(__file__).with_name("causes.toml").read_text("utf-8"))
PAGE = Path(__file__).parents[2] / "docs" / "causes.md"
POLICY = shipped_policy()
_OF_THE_FORM = ("personalisation was refused", "being counted was refused")
"""Refusals that change what a mail has in it, and keep none back (peerstream-12, paltalk06-20)."""


@pytest.mark.parametrize("cause", CAUSES, ids=lambda cause: cause.says)
def test_each_cause_does_what_was_written_down(cause: CauseAgainstSending) -> None:
    """A cell that the rules change has to be changed by hand; no category is without one."""
    by_hand = {name: outcome for outcome, names in EXPECTED[cause.says].items() for name in names.split()}
    assert dict(decision_words_by_category(cause, POLICY)) == by_hand
    assert by_hand.keys() == CATEGORIES.keys()


def test_nothing_is_written_down_twice_or_for_nothing() -> None:
    """The file has each row of the code, and no other; in a row each category stands once."""
    assert list(EXPECTED) == [cause.says for cause in CAUSES]
    for says, row in EXPECTED.items():
        names = [name for listed in row.values() for name in listed.split()]
        assert sorted(names) == sorted(CATEGORIES), says


def test_no_policy_of_a_brand_changes_the_table() -> None:
    """The table is of the rules: another policy to begin with gives the same."""
    policy = policies()["paltalk-2006"]
    for cause in CAUSES:
        assert dict(decision_words_by_category(cause, policy)) == dict(decision_words_by_category(cause, POLICY)), (
            cause.says
        )


def test_no_opt_out_stops_mandatory_mail() -> None:
    """The rows of refusals stop no mandatory category, and each but those of a mail's form an optional one."""
    words = ("left", "refused", "asked not", "complaint", "objection", "cap", "hours")
    refusals = [says for says in EXPECTED if any(word in says for word in words)]
    mandatory = {name for name, category in CATEGORIES.items() if category.mandatory}
    assert len(refusals) > 14
    for says in refusals:
        sent = set(EXPECTED[says]["sent"].split())
        diverted = {"breach"} if says == "electronic notices are refused" else set()
        assert mandatory - diverted <= sent, says
        assert (len(sent) < len(CATEGORIES)) != (says in _OF_THE_FORM), says


def test_each_rule_has_a_row() -> None:
    """Every rule that `decide` asks decides about some category in some row."""
    found = {decision.rule for cause in CAUSES for _, decision in decision_by_category_for_cause(cause, POLICY)}
    assert found == {SEND, *ASKED}


def test_the_page_is_what_the_command_prints() -> None:
    """docs/causes.md is written by `mailer policy causes`."""
    assert CliRunner().invoke(app, ["causes"]).stdout == PAGE.read_text("utf-8")
