"""The sources of addresses: each has a kind, in any spelling, and unlisted ones are refused."""

import pytest

from mailer import bundled_files
from mailer.events import EventRefused
from mailer.policy.address_sources import KINDS, SourceVocabulary, normalize_source_name
from mailer.policy.policy_file import Policy, PolicyError, parse_policy
from mailer.rendering.event_checks import check_event_and_get_template
from tests.factories import BRAND, make_event, person, policies, templates

TEXT = (bundled_files.bundled_folder("policies") / "interpals.toml").read_text("utf-8").partition("[[promises]]")[0]
WHEN = {"collected_at": "2026-03-01T12:00:00Z", "purpose": "a draw"}


def listing(sources: str) -> Policy:
    """InterPals' policy with other sources, and none of its promises, which need its own."""
    begin, _, rest = TEXT.partition("[sources]\n")
    return parse_policy(f"{begin}[sources]\n{sources}\n[switches]{rest.partition('[switches]')[2]}", "p.toml")


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (None, None),
        ("sign-up", "account"),
        ("Sign Up", "account"),
        ("SIGN_UP", "account"),
        ("newsletter form", "subscription"),
        ("Sweepstakes", "contest"),
        ("give-away", "invitation"),
        ("Pen-Pal  Contest", "contest"),
        ("sign-up\ncontest", "contest"),
        ("contest\nsign-up", "contest"),
        ("invitation\nsign-up\ncontest", "invitation"),
        ("sign-up\nsomething else", "invitation"),
        ("", "invitation"),
    ],
)
def test_the_strictest_kind_holds(said: str | None, kind: str | None) -> None:
    """The strictest of several sources counts, and one that nobody listed is as strict as can be."""
    for _ in range(2):
        assert policies()[BRAND].source_vocabulary.strictest_source_kind(said) == kind


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_is_a_source_of_each_policy(kind: str) -> None:
    """A policy without sources of its own has each kind by its name."""
    assert SourceVocabulary({}).find_kind(kind) == kind
    assert normalize_source_name(kind) == kind


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("Sweepstakes 2024", "account"),
        ("summer-raffle", "sale"),
        ("GIVEAWAY", "subscription"),
        ("spring promotion", "partner"),
        ("invitation", "contest"),
        ("Gewinnspiel", "account"),
        *(
            (source, "account")
            for source in ("partner", "import", "Tombola", "subscription", "sale", "bought addresses")
        ),
        *(
            (source, "account")
            for source in ("Partner-List", "purchased", "rented", "list", "mailing list", "their leads")
        ),
        ("partner", "import"),
        ("bought list", "sale"),
    ],
)
def test_a_contest_is_one_whatever_it_is_called(source: str, kind: str) -> None:
    """A policy that calls a contest something laxer is refused in words; with its own kind it is read."""
    with pytest.raises(PolicyError, match=rf'sources\..*is "{kind}", and another kind by its name'):
        listing(f'"{source}" = "{kind}"')
    assert listing(f'"{source}" = "invitation"').source_vocabulary.find_kind(source.upper()) == "invitation"


def test_a_source_stands_once() -> None:
    """Two spellings of one source leave open of which kind it is."""
    with pytest.raises(PolicyError, match=r"sources\.APP is \"app\", and stands twice"):
        listing('app = "account"\n"APP" = "import"')
    with pytest.raises(PolicyError, match=r'sources\.app is "friend"; write account, sale'):
        listing('app = "friend"')


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"source": "Sweepstakes 2024"}, r"to\.people\.0: source: there is no 'Sweepstakes 2024'; there are .*sign-up"),
        ({"source": "sweepstakes"}, "an address from a contest .sweepstakes. needs collected_at and purpose"),
        ({"source": "Contest", "purpose": "a draw"}, "an address from a Contest needs collected_at"),
        ({"source": "partner", "collected_at": "2026-03-01T12:00:00Z"}, "an address from a partner needs purpose"),
        ({"source": "raffle", **WHEN}, None),
        ({"source": "Sign up"}, None),
        ({"source": "friend"}, None),
        ({}, None),
    ],
)
def test_an_event_names_a_source_that_is_listed(said: dict[str, str], why: str | None) -> None:
    """An event is refused in words where the policy does not list a source, or a contest does not say what for."""
    event = make_event([person(1, **said)])
    if why is None:
        check_event_and_get_template(event, policies(), templates())
    else:
        with pytest.raises(EventRefused, match=why):
            check_event_and_get_template(event, policies(), templates())
