"""The page of the tour, and what the demo prints of it."""

import re

from mailer.embedded.demo_tour import TOUR, TOUR_STAFF, PreparedTour, tour_lines
from mailer.policy.staff_rights import StaffRole
from tests.processes import ROOT

SITE = "http://localhost:8025"


def test_the_page_has_each_step_in_order() -> None:
    """docs/tour.md begins each step with the person and the sentence that the demo prints."""
    page = (ROOT / "docs" / "tour.md").read_text("utf-8")
    steps = re.findall(r"^(\d+)\. \*\*(.+?):\*\* (.+)$", page, re.MULTILINE)
    assert [(number, person) for number, person, _ in steps] == [
        (str(number), step.person) for number, step in enumerate(TOUR, 1)
    ]
    assert [step.says for step, (*_, text) in zip(TOUR, steps, strict=True) if not text.startswith(step.says)] == []


def test_each_role_takes_part() -> None:
    """Each role has one person, and each person a step; the release needs two people."""
    assert sorted(TOUR_STAFF.values()) == sorted(StaffRole)
    assert {step.person for step in TOUR} == TOUR_STAFF.keys()
    releasing = {step.person for step in TOUR if "{breach}" in step.path}
    assert len(releasing) == 2


def test_the_demo_prints_links_and_addresses() -> None:
    """Each link stands beside its role, each step has its address, and no blank is left open."""
    links = {name: f"{SITE}/console/join/{number}" for number, name in enumerate(TOUR_STAFF)}
    places = {"ada": "b/1", "ada_at_interpals": "b/2", "slow": "m1", "breach": "m2"}
    lines = list(tour_lines(SITE, PreparedTour(links, places), "show KEY", "mailer staff reset NAME"))
    for name, role in TOUR_STAFF.items():
        assert any(re.fullmatch(rf" +{role} +{name} +{re.escape(links[name])}", line) for line in lines)
    assert [line.strip() for line in lines if line.startswith(f"      {SITE}")] == [
        f"{SITE}{step.path.format_map(places)}" for step in TOUR
    ]
    assert not any("{" in line for line in lines)
