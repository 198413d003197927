"""Templates that name a partner: only mail for partners does, and mail that the law asks for."""

from pathlib import Path

import pytest

from tests.template_files import FILES, MANDATORY, faults, library, within

BODY, PAGE, MANIFEST, STRINGS = "news/body.txt.j2", "news/body.html.j2", "news/template.toml", "_layout/strings.toml"
BRAND = "interpals"
NEWS = within(FILES, PAGE, "<p>{{ headline }}</p>", "<p>{{ headline }} {{ strings.leave }}</p>")


@pytest.mark.rule("partner-unwritten")
@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        (PAGE, "<p>{{", "<p>At penpal-shop {{"),
        (PAGE, "<p>{{", "<p>At Penpal <b>Shop</b> {{"),
        (PAGE, "<p>{{", "<p>At Penpal&nbsp;Shop</p><p>{{"),
        (PAGE, "<p>{{", '<p><a href="https://penpal-shop.example/">More</a> {{'),
        (PAGE, "<p>{{", '<p><img src="cid:a" alt="Penpal&shy; Shop"> {{'),
        (PAGE, "<p>{{", "<p>{% if headline == 'never' %}PenpalShop{% endif %} {{"),
        (BODY, "{{ headline }}", "{{ headline }} with Penpal_Shop here."),
        (MANIFEST, "Neues: {{", "Neues von \u0420enpal Shop: {{"),
        (STRINGS, 'leave = "Abmelden"', 'leave = "Abmelden von Penpal Shop"'),
    ],
)
def test_a_partner_is_named_in_no_template(tmp_path: Path, file: str, old: str, new: str) -> None:
    """A partner's name, id or site in any part, language or branch of a template of other mail is refused."""
    assert len(library(tmp_path / "good", NEWS, BRAND)) == 1
    said = faults(tmp_path / "bad", within(NEWS, file, old, new), BRAND)
    assert "names Penpal Shop, of which only who asked hears" in said


def test_mail_of_an_account_names_no_partner(tmp_path: Path) -> None:
    """A template of mail that nobody can leave names no partner either."""
    said = faults(tmp_path, within(MANDATORY, PAGE, "<p>{{", "<p>Penpal Shop {{"), BRAND)
    assert "names Penpal Shop" in said


def test_mail_for_partners_and_of_the_law_names_one(tmp_path: Path) -> None:
    """Partner mail names its partner, and an answer to a request names the one that got data."""
    partner = within(NEWS, MANIFEST, '"newsletter"\npurpose = "newsletter"', '"partner"\npurpose = "partner_offers"')
    assert len(library(tmp_path / "partner", within(partner, PAGE, "<p>{{", "<p>Penpal Shop {{"), BRAND)) == 1
    legal = within(MANDATORY, MANIFEST, '"service"\npurpose = "service_notice"', '"rights"\npurpose = "rights"')
    assert "names Penpal Shop" not in faults(
        tmp_path / "legal", within(legal, PAGE, "<p>{{", "<p>Penpal Shop {{ x }}{{"), BRAND
    )
