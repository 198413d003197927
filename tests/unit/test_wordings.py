"""Consents by a closed vocabulary: acts, wordings of the policy, versions, times, and proofs of a confirmation."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from mailer import bundled_files
from mailer.actions.consent import ConsentNotRecordable, check_and_normalize_consent
from mailer.policy.policy_file import PolicyError, parse_policy
from mailer.ports.consents import CONFIRMED, Consent
from tests.factories import policies

NOW = datetime(2026, 11, 28, 18, tzinfo=UTC)
GOOD = Consent("newsletter", True, "application", "form 1", "Yes, send me the newsletter.", "ada", NOW)
TEXT = (bundled_files.bundled_folder("policies") / "interpals.toml").read_text("utf-8")
LATER = policies()["interpals"]
POLICY = LATER.model_copy(update={"version": "2026", "effective": date(2026, 6, 1)}).with_earlier_versions(
    {"2024": LATER}
)


def reason_of(**values: Any) -> str:
    """The reason why a consent with some changed values is refused; empty if it is accepted."""
    try:
        check_and_normalize_consent(POLICY, replace(GOOD, **values), NOW, lambda proof: proof == "a token")
    except ConsentNotRecordable as error:
        return str(error)
    return ""


WORDS = (
    *("By using the service you accept electronic notices.", "By using InterPals you agree to receive offers."),
    *("By signing up you agree to receive offers.", "By using\u00a0our Services you accept e-mail."),
    *("By accessing this website you agree.", "If you use the service, you accept offers."),
    *("Mit der Nutzung von InterPals stimmen Sie zu.", "En utilisant le service, vous acceptez."),
    *("I accept the Terms of Service.", "By continuing to use Paltalk you accept our new policy."),
    *("Continued use of Paltalk after June 1 means you agree.", "asdf", "n/a n/a", "TBD TBD"),
    *("No, do not send me anything.", "Yes, send me the newsletter. By using it I accept the terms."),
    *("When I use the site I agree to offers.", "Ich stimme den AGB zu.", "J'accepte les conditions."),
    *("I agree to the policy of 2026.", "I agree to your privacy practices.", "Offers", "I do not want mail."),
    *("I want to opt out", "I request deletion of my data", "Count me out", "I want fewer mails", "Keep me logged out"),
    *("Ich melde mich ab", "Je souhaite me désabonner", "Quiero darme de baja", "Ik wil me afmelden"),
    *("We would like to send you our newsletter", "Contact us to opt out", "Schweigen gilt als einverstanden"),
    *("Yes (assumed)", "Yes, imported from CRM", "Si accetta navigando", "I accept cookies", "I'm in Berlin"),
)


@pytest.mark.parametrize("words", WORDS)
def test_what_the_policy_does_not_list_is_no_consent(words: str) -> None:
    """A text that the brand does not list for the scope is refused, unless somebody says yes by it for themselves."""
    assert reason_of(words=words).startswith("words: nobody says by them, for themselves, that they want newsletter")


@pytest.mark.parametrize(
    "words",
    [
        *("Yes please", "I agree to receive offers by e-mail.", "I would like to get the newsletter", "Send me news."),
        *("Sign me up for the newsletter", "Ja, ich möchte den Newsletter.", "Oui, je veux recevoir vos nouvelles."),
        *("Yes, send me news. You can unsubscribe at any time.", "I want to sign up for the newsletter"),
        *("I give my consent", "Ja, ich möchte weitere Informationen", "Ich erteile meine Einwilligung"),
        *("Quiero recibir noticias", "Voglio ricevere le novità", "Ik wil de nieuwsbrief", "نعم، أريد النشرة"),
    ],
)
def test_a_persons_own_yes_needs_no_listing(words: str) -> None:
    """A yes in the first person counts, as it stands, in each language that mailer knows."""
    assert reason_of(words=words) == ""


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"words": "  yes, SEND me\u00a0the\nnewsletter. "},
        {"words": "Yes, write to me.", "scope": "partner/penpal-shop"},
        {"scope": "newsletter/chess"},
        {"scope": "promotional", "words": "Ja, schickt mir Angebote."},
        {"scope": "version/2024", "words": "I agree to the policy of 2024."},
        {"source": "In Person"},
        *({"source": source} for source in ("web form 12", "sign-up form", "checkbox", "phone call", "unticked box")),
        *({"version": version} for version in ("v1", "sign-up form")),
        {"at": datetime(2024, 1, 1, tzinfo=UTC)},
        {"at": datetime(2019, 5, 1, tzinfo=UTC), "controller": "Acme Ltd"},
        {"source": "Confirmed ", "proof": "Message-ID:<8121@old.example>"},
        {"source": CONFIRMED, "proof": "ip:2001:db8::1 at 2026-11-28T17:00:00Z"},
        {"source": CONFIRMED, "proof": "a token", "words": "Newsletter: what a page of ours showed"},
        {"given": False, "words": None, "source": "page", "version": "", "at": datetime(1970, 1, 1, tzinfo=UTC)},
    ],
)
def test_what_was_shown_and_done_is_a_consent(values: dict[str, Any]) -> None:
    """A listed wording counts in any case and spacing, with an act, a version, a time and a proof that can be."""
    assert reason_of(**values) == ""


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        *(({"source": source}, "source: ") for source in ("tos", "terms and conditions", "purchased list", "use")),
        *(({"source": source}, "source: ") for source in ("pre-ticked box", "import", "operator", "confirmed!")),
        *(({"version": text}, "lacks version") for text in (" ", "-", "v", "none", "?", "unknown", "\u00a0.")),
        ({"at": datetime(1970, 1, 1, tzinfo=UTC)}, "is before any consent to mail, which is of 1995-01-01"),
        ({"at": datetime(1994, 12, 31, tzinfo=UTC), "controller": "Acme Ltd"}, "is before any consent to mail"),
        ({"at": datetime(2026, 11, 28, 18, 6, tzinfo=UTC)}, "is in the future"),
        *(
            ({"scope": "version/2026", "words": "Yes, write to me.", "at": at}, "is before version/2026, which is of")
            for at in (datetime(2024, 1, 1, tzinfo=UTC), datetime(2026, 5, 31, 23, 59, 59, tzinfo=UTC))
        ),
        *(
            ({"source": source, "proof": proof}, "proof: a consent is confirmed by a link")
            for source in (CONFIRMED, "CONFIRMED ")
            for proof in (
                *(
                    None,
                    "n/a n/a n/a",
                    "xxxxxx",
                    "unknown",
                    "mail 8121",
                    "message-id:",
                    "message-id:<a>",
                    "another token",
                ),
                *("ip:10.0.0 at 2026-11-28T17:00:00Z", "ip:10.0.0.1", "ip:10.0.0.1 at 2026-11-28T19:00:00Z"),
            )
        ),
    ],
)
def test_what_nobody_did_is_no_consent(values: dict[str, Any], reason: str) -> None:
    """An unknown act, no version, an impossible time, or a proof of nothing is refused."""
    assert reason in reason_of(**values)


@pytest.mark.parametrize("words", WORDS[:11])
def test_a_policy_lists_no_basis_as_a_wording(words: str) -> None:
    """A policy whose wordings make use or terms the consent does not load."""
    text = TEXT.replace('"Yes, send me the newsletter."', f'"{words}"')
    with pytest.raises(PolicyError, match="by which use or terms would be the consent"):
        parse_policy(text, "interpals.toml")


def test_a_wording_is_of_a_scope() -> None:
    """A key that is of no scope is refused with those that there are."""
    text = TEXT.replace("\nany = [", "\neverything = [")
    with pytest.raises(PolicyError, match=r"wordings\.everything is no scope .* write one of any, "):
        parse_policy(text, "interpals.toml")
