import pytest

from mailer.cli.policy_check import import_all_rules
from mailer.policy import rule_registry
from mailer.policy.deciding import ASKED
from mailer.policy.rule_registry import RULES, disable_rule_before_import, rule


@pytest.fixture(autouse=True)
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Restores the registry after each test."""
    monkeypatch.setattr(rule_registry, "RULES", dict(RULES))
    monkeypatch.setattr(rule_registry, "_removed", set())


def test_a_rule_has_a_name_a_source_and_a_place() -> None:
    """The registry knows what a rule is called, where its demand comes from, and where it stands."""

    @rule("a-rule", "a law", sees=("now",))
    def demand() -> str:
        """Demands this.

        And that.
        """
        return "spoken"

    found = rule_registry.RULES["a-rule"]
    assert (found.source, found.says, found.sees) == ("a law", "Demands this.", ("now",))
    assert found.home == f"{__name__}:{demand.__qualname__}"
    assert demand() == "spoken"


def test_a_rule_that_is_taken_away_says_nothing() -> None:
    """A removed rule returns the value for having nothing to say, and is still listed."""
    disable_rule_before_import("a-rule")

    @rule("a-rule", "a law", idle=False)
    def demand(text: str) -> bool:
        """Demands this."""
        return bool(text)

    @rule("b-rule", "a law")
    def other() -> str:
        """Demands that."""
        return "spoken"

    assert (demand("x"), other()) == (False, "spoken")
    assert "a-rule" in rule_registry.RULES


async def test_what_waits_can_be_taken_away_too() -> None:
    """A rule that has to be awaited stays one. Its result without the rule may depend on its arguments."""
    disable_rule_before_import("a-rule")

    @rule("a-rule", "a law", idle=lambda text: text)
    async def demand(text: str) -> str:
        """Demands this."""
        return text.upper()

    assert await demand("x") == "x"


def test_there_is_one_rule_of_a_name() -> None:
    """Two rules with one name, or one without a docstring, are mistakes."""

    def demand() -> None:
        """Demands this."""

    def silent() -> None:
        pass

    rule("a-rule", "a law")(demand)
    with pytest.raises(ValueError, match="two rules named a-rule"):
        rule("a-rule", "a law")(demand)
    with pytest.raises(ValueError, match="b-rule has no docstring"):
        rule("b-rule", "a law")(silent)


def test_what_decide_asks_is_registered() -> None:
    """Every rule that `decide` asks stands in the registry under the name that it answers with."""
    rules = import_all_rules()
    for name, (_, function) in ASKED.items():
        assert rules[name].home == f"{function.__module__}:{function.__qualname__}"
