"""The run over the values that decide: which mutants there are, and that they fall to their tests."""

import subprocess
import sys

from scripts.mutate_clauses import ROOT
from scripts.mutate_values import mutants_of_switches, mutants_of_traits, weaker


def test_a_need_is_taken_away_or_loosened() -> None:
    """Each need is left out once, and each that has a measure is loosened by a step, also within a category."""
    needs = {
        "promo_basis": "opt_in",
        "minimum_cell": 20,
        "processor_countries": ["US"],
        "categories": {"newsletter": {"confirmed": True, "cap": {"mails": 4, "days": 30}}},
    }
    found = dict(weaker(needs))
    assert found["without promo_basis"] == {name: said for name, said in needs.items() if name != "promo_basis"}
    assert found["promo_basis = opt_out"]["promo_basis"] == "opt_out"
    assert found["minimum_cell = 19"]["minimum_cell"] == 19
    assert found["processor_countries with another"]["processor_countries"] == ["US", "FR"]
    newsletter = {words: said["categories"].get("newsletter") for words, said in found.items() if "categories" in said}
    assert newsletter["categories: newsletter: without confirmed"] == {"cap": {"mails": 4, "days": 30}}
    assert newsletter["categories: newsletter: cap: mails = 5"]["cap"] == {"mails": 5, "days": 30}
    assert newsletter["categories: newsletter: cap: days = 29"]["cap"] == {"mails": 4, "days": 29}
    assert newsletter["categories: without newsletter"] is None


def test_each_value_is_changed_once() -> None:
    """No two mutants have one name, and each is a module that Python reads."""
    mutants = [*mutants_of_switches(), *mutants_of_traits()]
    assert len({mutant.name for mutant in mutants}) == len(mutants)
    for mutant in mutants[:: len(mutants) // 9]:
        compile(mutant.source, mutant.name, "exec")


RUN = """
from dataclasses import replace
from scripts.mutate_clauses import survivors_of
from scripts.mutate_values import WRITING, mutants_of_traits

(found,) = (mutant for mutant in mutants_of_traits() if mutant.name == "trait: needs_release of breach as False")
fallen = replace(found, tests=WRITING)
print(survivors_of([fallen, replace(fallen, name="unharmed", source=fallen.source.replace("=False)", "=True)"))]))
"""


def test_a_value_falls_to_its_test() -> None:
    """One that a test misses falls; one that changes nothing is called a survivor."""
    command = [sys.executable, "-c", RUN]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "['unharmed']\n"
