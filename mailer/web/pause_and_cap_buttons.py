"""The pause and the own cap of optional mail, as the forms of the pages ask for them."""

from datetime import UTC, datetime, timedelta

from mailer.policy.limits_set_by_recipient import PAUSE_DAYS, OwnCap, OwnLimit, OwnPause
from mailer.policy.standing import Standing
from mailer.web.form_posts import Form
from mailer.web.languages import PageLanguage

_LIMITS: dict[tuple[str, str], OwnLimit] = {
    **{("pause", str(days)): OwnPause(days) for days in PAUSE_DAYS},
    **{("cap", cap.value): cap for cap in OwnCap},
}
"""The limits by the name and the value of their button."""


def pause_or_cap_of_pressed_button(form: Form) -> OwnLimit | None:
    """Returns the limit whose button was pressed. None: no button of a limit was, or its value is none of ours."""
    pressed = ((name, value) for name in ("pause", "cap") for value in form.get(name, []))
    return next((_LIMITS[button] for button in pressed if button in _LIMITS), None)


def end_of_pause(limit: OwnLimit) -> datetime | None:
    """Returns the end of a pause that begins now; None for a cap."""
    return datetime.now(UTC) + timedelta(days=limit.days) if isinstance(limit, OwnPause) else None


def title_and_text_of_pause_or_cap(
    limit: OwnLimit, until: datetime | None, language: PageLanguage, brand: str
) -> tuple[str, str]:
    """Returns the title and the text that say what a limit does, in the reader's language."""
    name = "own_pause" if isinstance(limit, OwnPause) else f"own_cap_{limit.value}"
    date = language.format_day_of_moment(until) if until else ""
    return language.texts[f"{name}_title"], language.texts[name].format(brand=brand, date=date)


def own_pause_and_cap_in_words(standing: Standing, language: PageLanguage, brand: str) -> list[str]:
    """Returns a text for each limit that a person has now."""
    texts = []
    if standing.paused_until is not None and standing.paused_until > datetime.now(UTC):
        texts.append(
            language.texts["own_pause"].format(brand=brand, date=language.format_day_of_moment(standing.paused_until))
        )
    if standing.own_cap is not None:
        cap = OwnCap.WEEKLY if standing.own_cap == OwnCap.WEEKLY else OwnCap.MONTHLY
        texts.append(title_and_text_of_pause_or_cap(cap, None, language, brand)[1])
    return texts
