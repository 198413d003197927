"""The run over the values that decide: which mutants there are, and that they fall to their tests."""

import subprocess
import sys

import pytest

from scripts import mutants
from scripts.mutants import ROOT, Mutant, tell
from scripts.mutate_clauses import TESTS
from scripts.mutate_values import (
    DECIDING,
    LAWFUL,
    READING,
    WRITING,
    changes_of_demand,
    mutants_of_switches,
    mutants_of_traits,
    weaker,
)


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


@pytest.mark.parametrize(
    ("key", "value", "others"),
    [
        ("promo_basis", "opt_in", ["opt_out"]),
        ("confirmed", True, [False]),
        ("renewal", 24, [23, 25]),
        ("label", "<ADV>", ["<ADV>?"]),
        (
            "line",
            {"en": "Ad", "de": "Ad"},
            [{"de": "Ad"}, {"de": "Ad", "en": "Ad?"}, {"en": "Ad"}, {"en": "Ad", "de": "Ad?"}],
        ),
    ],
)
def test_a_demand_is_changed_by_its_type(key: str, value: object, others: list[object]) -> None:
    """A demand of a law gets each other value of its switch, a step, or another text, and is once less sure."""
    *found, (unsure, doubted) = changes_of_demand(key, {"value": value, "sure": "secondary"})
    assert [changed for _, changed in found] == [{"value": other, "sure": "secondary"} for other in others]
    assert len({words for words, _ in found}) == len(found)
    assert (unsure, doubted) == ("is unsure", {"value": value, "sure": "unsure"})
    assert list(changes_of_demand(key, doubted))[-1] == ("is secondary", {"value": value, "sure": "secondary"})


def test_each_value_is_changed_once() -> None:
    """No two mutants have one name, and each is a module that Python reads."""
    every = [*mutants_of_switches(), *mutants_of_traits()]
    assert len({mutant.name for mutant in every}) == len(every)
    for mutant in every[:: len(every) // 9]:
        compile(mutant.source, mutant.name, "exec")


@pytest.mark.parametrize(
    ("survivors", "spared", "status", "said"),
    [
        ([], {}, 0, []),
        (["need: b"], {}, 1, ["SURVIVED need: b"]),
        (["need: b"], {"need: b": "equal"}, 0, []),
        ([], {"need: b": "equal"}, 1, ["SPARED FOR NO REASON need: b"]),
        ([], {"need: gone": "equal"}, 1, ["SPARED FOR NO REASON need: gone"]),
    ],
)
def test_a_run_ends_well_without_survivors(
    survivors: list[str],
    spared: dict[str, str],
    status: int,
    said: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A survivor that nobody spared, and one that is spared for no reason, fail the run; each kind is counted."""
    monkeypatch.setattr(mutants, "survivors_of", lambda _: survivors)
    every = [Mutant("", name, "", ()) for name in ("law: a", "need: a", "need: b")]
    assert tell(every, spared, "") == status
    *before, laws, needs = capsys.readouterr().out.splitlines()
    assert [line.partition(", or ")[0].partition(": a test")[0] for line in before] == said
    assert laws == "law: 1 mutants, 1 killed, 0 survivors, 0 spared"
    left = len(survivors) if spared else 0
    alive = len(survivors) - left
    assert needs == f"need: 2 mutants, {2 - alive - left} killed, {alive} survivors, {left} spared"


def test_no_page_is_a_killer() -> None:
    """No test that may kill a mutant reads the docs: a page that a command writes is written anew without a thought."""
    for test in {*WRITING, *DECIDING, *READING, *LAWFUL, *TESTS}:
        assert "docs" not in ROOT.joinpath(test).read_text("utf-8"), test


RUN = """
from dataclasses import replace
from scripts.mutants import survivors_of
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
