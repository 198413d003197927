"""Words that promote have no place in mandatory mail."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.policy.policy_sections import CategoryTerms
from mailer.rendering.promotional_words import find_promotional_words
from tests.template_files import FILES, MANDATORY, POLICIES, faults, library, within

BODY, PAGE, MANIFEST, STRINGS = "news/body.txt.j2", "news/body.html.j2", "news/template.toml", "_layout/strings.toml"
SELLING = [
    ("en", "SALE! 50 % off"),
    ("en", "Sale! Everything must go"),
    ("en", "Get 20% off today"),
    ("en", "Save up to $30"),
    ("en", "Our summer sale begins"),
    ("en", "Use this coupon"),
    ("en", "A special offer for you"),
    ("en", "Buy now"),
    ("en", "Everything discounted"),
    ("en", "For a limited time"),
    ("de", "20 % Rabatt"),
    ("de", "Unser Sonderangebot"),
    ("de", "Jetzt kaufen"),
    ("de", "Dein Gutscheincode"),
    ("de", "Sommerschlussverkauf"),
    ("de", "SALE"),
    ("ar", "خصم 50٪"),
    ("ar", "تخفيضات كبيرة"),
    ("ar", "عرض خاص لك"),
    ("ar", "اشتر الآن"),
    ("fr", "30 % de réduction"),
    ("fr", "Votre code promo"),
    ("es", "Un descuento para ti"),
    ("it", "Sconto speciale"),
    ("pt", "Descontos"),
    ("nl", "Nu met korting"),
    ("en", "S A L E"),
    ("en", "S\u00adALE"),
    ("en", "SA\u200bLE"),
    ("en", "\uff33\uff21\uff2c\uff25"),
    ("en", "50\u00a0%\u00a0OFF"),
    ("en", "buy\nnow"),
    ("en", "buy-now"),
    ("en", "see shop/buy-now"),
    ("en", "Upgrade to Plus for half the price"),
    ("en", "Use code SPRING25 at checkout"),
    ("en", "Only this week: two for one"),
    ("en", "Try video rooms free for 30 days"),
    ("en", "A F-R-E-E month"),
    ("en", "Check out our new products"),
    ("en", "Soldes: -50 %"),
    ("en", "Oferta especial"),
    ("de", "30 Tage gratis"),
    ("de", "3 für 2"),
    ("fr", "2 mois offerts"),
    ("es", "2x1"),
]
PLAIN = [
    ("en", "We do not sell your data, and the sale of the company changes nothing."),
    ("en", "Your order: total $59.95, VAT 19 %"),
    ("en", "Turn it off. The server is off for 2 hours."),
    ("en", "You can sign in now. Save the file."),
    ("en", "Enter the code 482911 to sign in. It holds for 30 days."),
    ("en", "Two-factor sign-in for one account; load 10-50 %, use 5 - 10 %."),
    ("en", "Choose which promotions you get"),
    ("de", "Als Mitglied ohne bezahltes Angebot"),
    ("de", "Dein Konto spart dir nichts"),
    ("ar", "بخصوص طلبك وسياسة الخصوصية"),
    ("fr", "Votre solde"),
]


@pytest.mark.parametrize(("locale", "said"), SELLING)
def test_promotion_is_recognised(locale: str, said: str) -> None:
    """Words that sell are recognised in the languages of the templates, and in letters that only look otherwise."""
    assert list(find_promotional_words(said, locale))
    assert list(find_promotional_words(f"<p>Now: {said} here</p>", locale, markup=True))


@pytest.mark.parametrize(("locale", "said"), PLAIN)
def test_plain_words_are_not(locale: str, said: str) -> None:
    """Words about an account, an order or a law do not count as promotion."""
    assert not list(find_promotional_words(said, locale))


@pytest.mark.parametrize(
    "html",
    [
        "<p><b>SA</b>LE</p>",
        "<p>&#83;ALE</p>",
        "<table><tbody><tr><td>50</td><td>% off</td></tr></tbody></table>",
        '<p><img src="cid:a" alt="SALE"></p>',
        "<p>50{% if headline %}%{% endif %} off</p>",
        "{% if headline == 'never' %}<p>SALE</p>{% endif %}",
        "<p>{{ 'SA' ~ 'LE' }}</p>",
        "<p>{% if headline == 'never' %}{{ 'SA' ~ 'LE' }}{% endif %}</p>",
        "<p>{{ 'SALE' if headline == 'never' else 'x' }}</p>",
        "<p>{{ amount }}% off</p>",
    ],
)
def test_a_mandatory_template_promotes_nothing(tmp_path: Path, html: str) -> None:
    """A word of promotion is refused in mandatory mail only, in any spelling and any branch."""
    optional = {**FILES, MANIFEST: FILES[MANIFEST] + "amount = 5\n"}
    assert len(library(tmp_path / "good", within(optional, PAGE, "<p>{{ headline }}</p>", html))) == 1
    mandatory = {**MANDATORY, MANIFEST: MANDATORY[MANIFEST] + "amount = 5\n"}
    said = faults(tmp_path / "bad", within(mandatory, PAGE, "<p>{{ headline }}</p>", html))
    assert "which promotes; service mail never does" in said


@pytest.mark.parametrize("category", ["account", "updates"])
def test_no_offer_travels_as_mail_of_an_account_or_as_an_update(tmp_path: Path, category: str) -> None:
    """Account mail and updates contain no word of promotion, and no value without a type."""
    policy = POLICIES["paltalk-2006"]
    terms = {**policy.terms, "updates": CategoryTerms()}
    policies = {policy.brand: policy.model_copy(update={"terms": terms})}
    files = FILES if category == "updates" else MANDATORY
    named = {**files, MANIFEST: MANDATORY[MANIFEST].replace('category = "service"', f'category = "{category}"')}
    assert len(library(tmp_path / "good", named, policies=policies)) == 1
    selling = within(named, PAGE, "<p>{{ headline }}</p>", "<p>SALE {{ headline }}</p>")
    said = faults(tmp_path / "bad", selling, policies=policies)
    assert f"which promotes; {category} mail never does" in said
    untyped = within(named, MANIFEST, '[values]\nheadline = "text 200"\n', "")
    said = faults(tmp_path / "untyped", untyped, policies=policies)
    assert f"headline has no type, as each value of {category} mail" in said


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        (BODY, "{{ headline }}", "SALE! 50 % off"),
        (MANIFEST, "Neues: {{ headline }}", "20 % Rabatt"),
        (MANIFEST, "News: {{ headline }}", "Buy now: {{ headline }}"),
        (STRINGS, '[de]\nleave = "Abmelden"', '[de]\nleave = "Jetzt kaufen"'),
    ],
)
def test_subject_text_and_strings_are_read(tmp_path: Path, file: str, old: str, new: str) -> None:
    """A subject, a text part and the strings of one language promote nothing either."""
    files = within(MANDATORY, PAGE, "<p>{{ headline }}</p>", "<p>{{ headline }} {{ strings.leave }}</p>")
    assert "which promotes" in faults(tmp_path, within(files, file, old, new))


@given(st.text(max_size=80), st.sampled_from(["en", "de", "ar", "fr", "zh-Hant", "pt-BR"]), st.booleans())
def test_any_text_can_be_read(said: str, locale: str, markup: bool) -> None:
    """No text stops the search, and a word that promotes is found before it and behind it."""
    assert "SALE" in list(find_promotional_words(f"SALE {said}", locale, markup=markup)) or "<" in said
    assert "SALE" in list(find_promotional_words(f"{said} SALE", locale, markup=markup)) or "<" in said
