"""Reads words of exports: yes and no, and the status of a subscription, in several languages."""

from functools import lru_cache
from typing import Final

from mailer.actions.importing.place_names import fold_name

_YES_WORDS: Final = (
    "yes y true t 1 on x ja j wahr oui o vrai si s verdadero vero sim verdadeiro tak evet da はい 是 نعم да ✓ ✔ ☑"
    " checked"
)
_NO_WORDS: Final = (
    "no n false f 0 off nein falsch non faux falso nao nee nie nej hayir hay\u0131r いいえ 否 لا нет ☐ none keine"
    " null na - —"
)
"""Also what databases and tables write for nothing."""
_STAYING: Final = (
    "subscribed enabled active confirmed pending unconfirmed aktiv abonniert bestatigt angemeldet abonne inscrit"
    " actif confirme suscrito activo confirmado iscritto attivo inscrito ativo ok"
)
_LEAVING: Final = (
    "unsubscribed disabled blocklisted blacklisted blocked cleaned bounced inactive suppressed complained spam"
    " complaint removed deleted archived optedout invalid undeliverable nonsubscribed transactional"
    " notsubscribed abgemeldet gesperrt inaktiv ausgetragen abbestellt geloscht desabonne desinscrit inactif bloque"
    " supprime baja dadodebaja inactivo bloqueado desuscrito rebotado disiscritto inattivo bloccato descadastrado"
    " inativo cancelado hardbounce softbounce hardbounced unengaged"
)
_LONGEST: Final = 40
_YES, _NO = frozenset(_YES_WORDS.split()), frozenset(_NO_WORDS.split())
_STAYS, _LEAVES = frozenset(_STAYING.split()), frozenset(_LEAVING.split())


def _fold(text: str) -> str:
    return fold_name(text).replace(" ", "") or text.strip()


def yes_or_no(text: str) -> bool | None:
    """Reads yes or no in several languages, also as 1 and 0 or a check mark; None if the text is neither."""
    return _yes_or_no(text) if len(text) <= _LONGEST else None


@lru_cache(maxsize=1000)
def _yes_or_no(text: str) -> bool | None:
    word = _fold(text)
    return True if word in _YES else False if word in _NO else None


def is_status(text: str) -> bool:
    """Tells whether a text is a known status of a subscription."""
    return _fold(text) in _STAYS or _fold(text) in _LEAVES


def is_status_without_mail(text: str) -> bool:
    """Tells whether a status says that somebody gets no optional mail: unsubscribed, blocked, bounced.

    Raises:
        ValueError: the status is not known.
    """
    if not is_status(text):
        raise ValueError(f"{text[:60]!r} is no status that is known; write subscribed or unsubscribed")
    return _fold(text) in _LEAVES
