"""The buttons of the page of texts: variants, languages, and the blocks to begin with. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from mailer.policy.breach.draft import BreachPhaseDraft, NoticeText
from mailer.policy.breach.facts import BreachFacts
from mailer.policy.breach.rules import BreachRules, required_parts, suggest_variants
from mailer.policy.breach.text_changes import (
    TextChangeRefused,
    add_suggested_variants,
    add_variant,
    parse_locale,
    parse_places,
    put_text,
    remove_text,
    remove_variant,
    text_or_none,
)
from mailer.policy.policy_file import Policy
from mailer.rendering.breach_beginnings import begin_notice_text
from mailer.web.console.campaign_form import one_line
from mailer.web.form_posts import Form


@dataclass(frozen=True, slots=True)
class TextDesk:
    """The facts that new texts begin with, and the day of the notice."""

    facts: BreachFacts
    rules: BreachRules
    policy: Policy
    today: date


def change_texts(
    draft: BreachPhaseDraft, form: Form, shown: Sequence[str], desk: TextDesk
) -> tuple[BreachPhaseDraft, list[str]]:
    """Returns the draft after the pressed button, and the names of the texts to show then.

    Raises:
        TextChangeRefused: the button can do nothing; the message says why.
    """
    verb, _, what = one_line(form, "do").partition("@")
    match verb:
        case "open":
            return draft, [what]
        case "beside":
            return draft, [*shown[:1], one_line(form, "beside")]
        case "suggest":
            return add_suggested_variants(draft, suggest_variants(desk.facts, desk.rules)), list(shown)
        case "add-variant":
            places = parse_places(one_line(form, "new_places"))
            return add_variant(draft, one_line(form, "new_variant"), places), list(shown)
        case "remove-variant":
            return remove_variant(draft, what), [name for name in shown if not name.startswith(f"{what}@")]
        case "add-text":
            return _add_text(draft, form, shown, desk)
        case "remove-text":
            variant, _, locale = what.partition("@")
            return remove_text(draft, variant, locale), [name for name in shown if name != what]
        case "begin":
            return _begin_text(draft, what, desk), list(shown)
        case _:
            return draft, list(shown)


def _add_text(
    draft: BreachPhaseDraft, form: Form, shown: Sequence[str], desk: TextDesk
) -> tuple[BreachPhaseDraft, list[str]]:
    """Adds a language to a variant: with the shipped blocks, a copy of another variant's text, or nothing."""
    variant, locale = one_line(form, "text_variant"), parse_locale(one_line(form, "text_locale"))
    if text_or_none(draft, variant, locale) is not None:
        raise TextChangeRefused(f"{variant} has a text in {locale} already; open it")
    begin_with = one_line(form, "begin_with")
    if begin_with == "blocks":
        text = _blocks(draft, variant, locale, desk)
    elif begin_with == "empty":
        text = NoticeText()
    else:
        found = text_or_none(draft, begin_with, locale)
        if found is None:
            raise TextChangeRefused(f"{begin_with[:40]} has no text in {locale} to copy; begin with the blocks")
        text = found
    return put_text(draft, variant, locale, text), [f"{variant}@{locale}", *shown[:1]]


def _begin_text(draft: BreachPhaseDraft, name: str, desk: TextDesk) -> BreachPhaseDraft:
    """Fills the empty fields of a text with the shipped blocks. What was written stays."""
    variant, _, locale = name.partition("@")
    written = text_or_none(draft, variant, locale)
    if written is None:
        raise TextChangeRefused(f"{variant[:40]} has no text in {locale[:20]} any more; add the language again")
    blocks = _blocks(draft, variant, locale, desk)
    parts = {part: said for part, said in written.parts.items() if said.strip()}
    lines = {name: getattr(written, name) or getattr(blocks, name) for name in ("title", "preheader")}
    return put_text(draft, variant, locale, written.model_copy(update={**lines, "parts": {**blocks.parts, **parts}}))


def _blocks(draft: BreachPhaseDraft, variant: str, locale: str, desk: TextDesk) -> NoticeText:
    if variant not in draft.variants:
        raise TextChangeRefused(
            f"{variant[:40]}: is no variant of this phase; choose one of {', '.join(draft.variants)}"
        )
    required = required_parts(desk.facts, desk.rules, draft.variants[variant].places)
    post = desk.policy.controller.postal_address
    text = begin_notice_text(locale, desk.facts, required.required, required.forbidden, post, desk.today)
    if text is None:
        raise TextChangeRefused(f"{locale}: has no shipped blocks; begin with an empty text")
    return text
