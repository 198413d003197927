"""Takes each clause out of the conditions of `decide`, and expects one of its tests to fail; prints the survivors.

A clause is an operand of `and` or `or`, a `not`, a guard, a branch, a comparison or its boundary, and of which
categories a rule is asked at all. Each mutant is a process of its own, in which the changed module is imported in place
of the written one, and which runs pure tests only.
"""

import argparse
import ast
import sys
from collections.abc import Iterator

from scripts.mutants import Mutant, path_of, tell

MODULES = ("mailer.policy.deciding", "mailer.policy.rules", "mailer.policy.standing", "mailer.policy.sending_hours")
"""`decide`, the rules that it asks, and what they ask."""
TESTS = (
    "tests/unit/test_decision_clauses.py",
    "tests/unit/test_service_scope.py",
    "tests/unit/test_standing.py",
    "tests/unit/test_hours.py",
    "tests/unit/test_consent_terms.py",
    "tests/unit/test_order.py",
    "tests/unit/test_decision.py",
)
OTHER = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
"""The comparison that replaces each comparison: the one with the other boundary, or the contrary."""

_NOTHING_SENT = "asks what follows once more, at no cost where nothing was counted"
_NOBODY_LEFT = "asks what follows once more, at no cost where nobody has left anything"
SPARED: dict[str, str] = {
    "rules.suppress_after_opt_out: `left and facts.category.is_optional and "
    "facts.standing.has_opted_out_of(facts.category.name, facts.mailing.topic)` without left": _NOBODY_LEFT,
    "rules.suppress_refused_purpose: `left and facts.category.is_optional and (purpose_scope(facts.mailing.purpose) in "
    "left)` without left": _NOBODY_LEFT,
    "rules.suppress_if_only_other_topics_consented: `facts.category.mandatory or facts.category.partners or (not "
    "facts.standing.consents) or _has_valid_consent(facts)` without not facts.standing.consents": "no consents hold "
    "none to another topic",
    "deciding.answers_of_all_rules: `ask(facts) if concerns(facts.category) else None` always its first branch": "a "
    "rule says nothing of what it is not asked about, as `test_a_rule_stops_only_its_categories` shows",
    "standing.Standing: `bool(self.opted_out) and (not self.opted_out.isdisjoint((EVERYTHING_OPTIONAL, category, "
    "category_scope(category, topic))))` without bool(self.opted_out)": _NOBODY_LEFT,
    "rules.suppress_disallowed_partner_mail: `left and (not left.isdisjoint((asked, SHARING)))` "
    "without left": _NOBODY_LEFT,
    "rules.is_service_mail_alarm_rate_exceeded: `if not facts.standing.sent:` "
    "without if not facts.standing.sent": _NOTHING_SENT,
    "rules.suppress_over_frequency_cap: `facts.category.mandatory or not facts.standing.sent` without "
    "not facts.standing.sent": (_NOTHING_SENT),
    "rules._consent_flaw: `None if terms is NO_TERMS else legal_flaw_of_consent(terms, standing.consent_days, asked, "
    "facts.now)` always its second branch": "asks what follows once more, at no cost where the law has no terms",
    "rules._has_valid_consent: `asked in given and _consent_flaw(facts, asked, '') is None` without "
    "asked in given": "asks what follows once more, at no cost where nothing was consented to",
    "rules._scopes_to_which_mail_belongs: `mailing.partner or ''` without ''": "no partner's name has a capital "
    "letter, as None has",
    "sending_hours.now_or_next_opening: `moment - now < _SEARCHED` as moment - now <= _SEARCHED": "a bound of days, "
    "met to the microsecond",
    "sending_hours._moment_or_next_opening_of_zone: `opening > moment` as opening >= moment": "what opens the hours is "
    "within them",
}
"""The reason why no test can notice a mutant, by mutant. An entry without such a mutant fails the run."""


def changes_of(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Yields each change of one node, with its words."""
    match node:
        case ast.BoolOp(op=op, values=values):
            for number, value in enumerate(values):
                rest = values[:number] + values[number + 1 :]
                yield f"without {ast.unparse(value)}", rest[0] if len(rest) == 1 else ast.BoolOp(op, rest)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield "without not", operand
        case ast.Compare(left=left, ops=[op], comparators=comparators):
            changed = ast.Compare(left, [OTHER[type(op)]()], comparators)
            yield f"as {ast.unparse(changed)}", changed
        case ast.If(test=test, body=body, orelse=orelse):
            yield f"without if {ast.unparse(test)}", ast.If(ast.Constant(False), body, orelse)
        case ast.IfExp(body=body, orelse=orelse):
            yield "always its first branch", body
            yield "always its second branch", orelse
        case ast.Tuple(
            elts=[
                ast.Lambda() | ast.Name(id="_is_optional_category" | "_is_ended_by_account_closing"),
                ast.Attribute() as rule,
            ]
        ):
            yield "asked of all", ast.Tuple([ast.Name("_is_true_for_every_category"), rule], ast.Load())
        case ast.Tuple(elts=[ast.Name(id="_is_optional_category"), ast.Name() as rule]):
            yield "asked of all", ast.Tuple([ast.Name("_is_true_for_every_category"), rule], ast.Load())
        case _:
            pass


class _Swap(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self._old, self._new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        """Puts the new node in the old one's place."""
        return self._new if node is self._old else self.generic_visit(node)


def mutants_of(module: str, text: str) -> list[Mutant]:
    """Every mutant of a module, each of another name.

    Args:
        module: its name.
        text: its source.
    """
    made: dict[str, Mutant] = {}
    for place, node in enumerate(ast.walk(ast.parse(text))):
        for number, (words, _) in enumerate(changes_of(node)):
            tree = ast.parse(text)
            old = list(ast.walk(tree))[place]
            new = list(changes_of(old))[number][1]
            home = _home(tree, old)
            name = f"{module.rpartition('.')[2]}.{home}: `{ast.unparse(old).splitlines()[0]}` {words}"
            while name in made:
                name += " (again)"
            source = ast.unparse(ast.fix_missing_locations(_Swap(old, new).visit(tree)))
            made[name] = Mutant(module, name, source, TESTS)
    return list(made.values())


def _home(tree: ast.Module, node: ast.AST) -> str:
    for part in tree.body:
        if any(inner is node for inner in ast.walk(part)):
            return part.name if isinstance(part, ast.FunctionDef | ast.ClassDef) else "ASKED"
    raise LookupError("the node is not in the tree")


def main() -> int:
    """Prints the survivors; the status is 1 if there are some, or one is spared for no reason."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="take out only clauses with these words in their name")
    only = parser.parse_args().only
    every = [mutant for module in MODULES for mutant in mutants_of(module, path_of(module).read_text("utf-8"))]
    return tell(every, SPARED, only)


if __name__ == "__main__":
    sys.exit(main())
