"""The tour of the console that `mailer demo --stay` prepares: its people of staff, its steps, and their pages."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mailer.policy.staff_rights import StaffRole

SAM, OTTO, PETRA, MIRA, ANNA = "Sam Support", "Otto Ops", "Petra Privacy", "Mira Marketer", "Anna Admin"
TOUR_STAFF = {
    SAM: StaffRole.SUPPORT,
    OTTO: StaffRole.OPS,
    PETRA: StaffRole.PRIVACY_OFFICER,
    MIRA: StaffRole.MARKETER,
    ANNA: StaffRole.ADMIN,
}
"""The role of each person, in the order of the tour."""


@dataclass(frozen=True, slots=True)
class TourStep:
    """A step of the tour. docs/tour.md says more about each.

    Attributes:
        person: of `TOUR_STAFF`.
        path: of the page, with the name of one of the demo's places in braces, such as `/console/mailings/{slow}`.
        says: a sentence about the page.
        shows: texts that the page has when it opens.
    """

    person: str
    path: str
    says: str
    shows: tuple[str, ...]


TOUR = (
    TourStep(
        SAM,
        "/console/people/{ada}",
        "Ada left the newsletter a minute ago. See why she did not get the next one.",
        ("ada.lovelace@example.org", "Left newsletter mail on ", "Newsletter mail “weekly” was not sent"),
    ),
    TourStep(
        OTTO,
        "/console",
        "See what needs attention: a breach notice waits, and an event was refused.",
        ("Needs attention", "mailings?state=awaiting_release", 'href="/console/dead"'),
    ),
    TourStep(
        OTTO,
        "/console/mailings/{slow}",
        "Watch a newsletter go out, one mail a second. Pause it, and resume it.",
        ("summer-letter", "person:Mira Marketer", ">Pause<"),
    ),
    TourStep(
        OTTO,
        "/console/mailings/{breach}",
        "Try to release your own breach notice: it needs a second person.",
        ("breach-tour", "A second person has to release it."),
    ),
    TourStep(
        PETRA,
        "/console/mailings/{breach}/release",
        "Be the second person: see whom the notice reaches, and release it.",
        ("Of 12 recipients:", ">Release it<"),
    ),
    TourStep(
        PETRA,
        "/console/people/{ada_at_interpals}",
        "Ada asked for a copy of her data. See the request, and its answer.",
        ("ada.lovelace@example.org", "Data request copy asked.", "Data request copy done."),
    ),
    TourStep(
        PETRA,
        "/console/suppressions/paltalk-2006",
        "Find Ada's opt-out, and lift it with a reason.",
        ("Suppressions of Paltalk (paltalk-2006)", "Left newsletter mail on "),
    ),
    TourStep(
        OTTO,
        "/console/dead",
        "Mira published service mail without the right to. Open the dead letter.",
        ("person:Mira Marketer may not publish service mail of paltalk-2006",),
    ),
    TourStep(
        ANNA,
        "/console/publishers/one?who=person:Mira%20Marketer",
        "Give Mira the right. Then Otto replays the dead letter.",
        ("mira marketer", "Save the rights"),
    ),
    TourStep(
        MIRA,
        "/console/policies/interpals",
        "Read what interpals promised, with the rules and the proofs.",
        ("interpals-07", "opt-out"),
    ),
    TourStep(
        ANNA,
        "/console/ledger",
        "Verify what was written since the last seal.",
        ("Verify what was written since the last seal",),
    ),
)
"""The steps, in order."""


@dataclass(frozen=True, slots=True)
class PreparedTour:
    """A tour whose people and pages exist.

    Attributes:
        links: the one-time link of each person of `TOUR_STAFF`.
        places: the parts of paths for the braces of `TourStep.path`.
    """

    links: Mapping[str, str]
    places: Mapping[str, str]


def tour_lines(site: str, tour: PreparedTour, code_command: str, reset_command: str) -> Iterator[str]:
    """Yields the lines that print the console's address, the links and the steps.

    Args:
        site: the public address.
        tour: the tour.
        code_command: prints the code of an authenticator app for its key, which stands as KEY in it.
        reset_command: makes a new link for the person who stands as NAME in it.
    """
    names, roles = max(map(len, TOUR_STAFF)), max(map(len, TOUR_STAFF.values()))
    yield ""
    yield f"The console is {site}/console. Each link works once, within an hour, in a private window of its own:"
    for name, role in TOUR_STAFF.items():
        yield f"  {role:{roles}}  {name:{names}}  {tour.links[name]}"
    yield "Choose a password. All but Sam then set up an app or a passkey. If you have neither, this prints the code:"
    yield f"  {code_command}    # KEY stands on the page"
    yield f"  {reset_command}    # a new link"
    yield ""
    yield "A tour of five minutes; docs/tour.md says more:"
    for number, step in enumerate(TOUR, 1):
        yield f"  {number:2}  {step.person}: {step.says}"
        yield f"      {site}{step.path.format_map(tour.places)}"
    yield f"      Everybody, without signing in: {site}/notices/interpals"
