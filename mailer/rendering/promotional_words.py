"""Promotional words in eight languages. Mail that nobody can leave must not have them."""

import re
from collections.abc import Iterable, Iterator
from urllib.parse import unquote

from mailer.policy.text_folding_for_comparison import UNSEEN, decode_entities, join_spread_letters, normalized
from mailer.rendering.literal_text import BRANCH, CLOSE, END, OPEN, VALUE

_MONEY = r"[$€£¥]|usd|eur|gbp|euros?|dollars?"
_NUMBER = r"(?<![\d.,])\d[\d.,]{0,20}"
"""A match begins only at the first digit of a number. Otherwise a text of digits would take quadratic time."""
AMOUNT = (
    rf"(?:(?:{_MONEY})\s*\d[\d.,]*"
    rf"|{_NUMBER}\s*(?:%|٪|percent|per cent|prozent|por ciento|pour cent|{_MONEY}))"
)

_WORDS: dict[str, tuple[str, ...]] = {
    "en": (
        rf"{AMOUNT} (?:off|discount|cheaper|savings?)",
        rf"save(?: up to)? {AMOUNT}",
        r"(?:on|big|mega|flash|final|clearance|holiday|spring|summer|autumn|fall|winter|christmas|year-end) sale",
        r"sale ends",
        r"sale\s*!",
        r"discount(?:s|ed)?",
        r"coupons?",
        r"vouchers?",
        r"promo(?:tion(?:al)?)? codes?",
        r"(?:special|exclusive|limited|unbeatable|introductory) offers?",
        r"limited[- ]time",
        r"today only",
        r"(?:buy|shop|order|upgrade|subscribe) now",
        r"best deals?",
        r"great deals?",
        r"half (?:of )?(?:the )?(?:usual |normal |regular )?price",
        r"codes? (?:\w+ )?(?:at|in) (?:the |your )?checkout",
        r"use code [a-z]{4,}\d{1,2}",
        r"(?:two|2) for (?:one|1|the price of)|(?:three|3) for (?:two|2|the price of)|buy (?:one|1),? get",
        r"(?:free|complimentary) for (?:\d+|an?|one|two|three) (?:day|week|month|year)s?",
        r"(?:\d+|one|two|three) (?:day|week|month|year)s? (?:for )?free",
        r"(?:free|complimentary) (?:month|week|year)s?",
        r"(?:check out|discover|try) our (?:new|newest|latest|great) \w+",
        r"(?:reduced|slashed|lowered|cut) our prices",
        r"order today|treat yourself|now cheaper|cheaper than (?:ever|before)",
        r"bargains?",
        r"black friday",
        r"(?:start|try) your free trial",
        r"don.t miss (?:out|this)",
    ),
    "de": (
        rf"{AMOUNT} (?:rabatt|günstiger|billiger|nachlass|sparen|gespart)",
        rf"spare(?:n sie)?(?: bis zu)? {AMOUNT}",
        r"\w*rabatt(?:e|aktion|code)?",
        r"preisnachl(?:ass|ässe)",
        r"gutschein\w*",
        r"sonderangebot\w*",
        r"schnäppchen\w*",
        r"\w*schlussverkauf",
        r"ausverkauf",
        r"(?:jetzt|gleich) (?:kaufen|bestellen|zugreifen|sparen|upgraden)",
        r"nur (?:heute|für kurze zeit)",
        r"(?:zum halben|der halbe) preis|hälfte des preises",
        r"code \w+ (?:an der kasse|eingeben|einlösen)",
        r"(?:zwei|2) (?:für|zum preis von) (?:1|ein\w*)|(?:drei|3) (?:für|zum preis von) (?:2|zwei\w*)",
        r"\d+ (?:tage|wochen|monate) (?:lang )?(?:gratis|kostenlos|umsonst)",
        r"(?:gratis|kostenlos|umsonst) für (?:\d+|einen?) (?:tage?|wochen?|monate?)",
        r"gratismonate?",
        r"(?:entdecke|entdecken sie) unsere neuen \w+",
        r"gratis testen",
    ),
    "ar": (
        rf"(?:خصم|وفر|وفّر) (?:حتى )?{AMOUNT}",
        rf"{AMOUNT} خصم",
        r"(?:ال)?تخفيضات",
        r"(?:ال)?خصم",
        r"(?:ال)?خصومات",
        r"عرض خاص",
        r"عروض خاصة",
        r"عرض محدود",
        r"لفترة محدودة",
        r"اشتر الآن",
        r"اشتري الآن",
        r"تسوق الآن",
        r"اطلب الآن",
        r"قسيمة",
        r"كوبون",
        r"رمز الخصم",
        r"كود الخصم",
        r"(?:ب|ال)?نصف السعر",
        r"مجان\w+ لمدة",
    ),
    "fr": (
        rf"{AMOUNT} de (?:réduction|remise|rabais)",
        r"remises?",
        r"soldes [!:]",
        r"(?:2|deux) pour (?:1|une?|le prix)",
        r"\d+ (?:jours|semaines|mois) (?:gratuits?|offerte?s?)|gratuit pendant \d+ (?:jours|semaines|mois)",
        r"code \w+ (?:au|lors du) paiement",
        r"promotions?",
        r"offre (?:spéciale|exclusive|limitée)",
        r"bons? (?:de réduction|d.achat)",
        r"code promo",
        r"(?:achetez|commandez) (?:maintenant|vite)",
        r"à moitié prix",
    ),
    "es": (
        rf"{AMOUNT} de descuento",
        r"descuentos?",
        r"rebajas?",
        r"ofertas? (?:especial|exclusiva|limitada)(?:es|s)?",
        r"cup(?:ón|ones)",
        r"compra(?:r)? ahora",
        r"a mitad de precio|2x1|dos por uno",
        r"\d+ (?:días|semanas|meses) gratis|gratis durante \d+ (?:días|semanas|meses)",
    ),
    "pt": (
        r"descontos?",
        r"promoç(?:ão|ões)",
        r"ofertas? (?:especial|especiais|exclusivas?)",
        r"cup(?:om|ons|ão)",
        r"compre (?:agora|já)|metade do preço",
        r"\d+ (?:dias|semanas|meses) (?:grátis|gratuitos)",
    ),
    "it": (
        r"scont[oi]",
        r"saldi",
        r"offert[ae] (?:speciale|speciali|esclusiva|esclusive)",
        r"buon[oi] sconto",
        r"(?:acquista|compra) (?:ora|subito)|metà prezzo",
        r"\d+ (?:giorni|settimane|mesi) gratis",
    ),
    "nl": (
        r"korting(?:en|scode)?",
        r"aanbieding(?:en)?",
        r"uitverkoop",
        r"waardebon(?:nen)?",
        r"(?:koop|bestel) nu|halve prijs",
        r"\d+ (?:dagen|weken|maanden) gratis",
    ),
}
"""Promotional words by language, as regular expressions for text in lower case with single spaces."""


def _words_pattern(words: Iterable[str]) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{'|'.join(words)})(?!\w)".replace(" ", r"\s?"))


_FRIENDS = frozenset({r"promotions?", r"remises?"})
"""Words that are promotional in one language only."""
_PROMOTES = {language: _words_pattern(words) for language, words in _WORDS.items()}
_ANYWHERE = _words_pattern(word for words in _WORDS.values() for word in words if word not in _FRIENDS)
"""Words of all languages, since a value may be in a language that its template does not have."""
_LESS = re.compile(r"(?<![\w%])(?<!\d\s)[-\u2212\u2013]\s?\d[\d.,]*\s?[%٪]")
"""A price reduction in any language: `-50 %`."""
_JOINED = re.compile(r"(?<=\w)[-_/+]+(?=\w)")
_HOST = re.compile(r"https?://[^/?#]*", re.IGNORECASE)
_IN_SLUG = re.compile(
    r"(?<![a-z])(?:\d{1,20} (?:%|percent|prozent|pct)? ?off|(?:save|spare|minus|less) \d+|(?:buy|get) (?:now|\d+)"
    r"|coupons?|vouchers?|promo(?:code)?s?|discounts?|rabatte?|gutscheine?|sonderangebote?|half price"
    r"|free (?:month|week)s?|(?:on|big|flash|spring|summer|autumn|winter|christmas) sale|black friday"
    r"|(?:special|exclusive|limited) offers?|descuentos?|ofertas? especial(?:es)?|soldes|promotion)(?![a-z])"
)
_SHOUTED = re.compile(r"(?<!\w)SALE(?!\w)")
_BLOCK = re.compile(
    r"</?(?:p|div|td|th|tr|table|h[1-6]|li|ul|ol|br|hr|title|body|head|html|section|header|footer|center)\b[^>]*>",
    re.IGNORECASE,
)
_STYLE = re.compile(r"<style\b.*?</style>", re.DOTALL | re.IGNORECASE)
_SHOWN = re.compile(r"\b(?:alt|title|aria-label|content)=\"([^\"]*)\"", re.IGNORECASE)
_TAG = re.compile(r"<[a-z/!][^>]*>", re.IGNORECASE)
_VALUE = re.compile(f"{VALUE}[^{END}]*{END}")
_MARKS = re.compile(f"[{OPEN}{BRANCH}{CLOSE}]")


def long_words_of_promotional_phrases() -> frozenset[str]:
    """Returns all words of at least four letters in the promotional phrases of all languages."""
    every = (word for words in _WORDS.values() for pattern in words for word in re.findall(r"[^\W\d_]{4,}", pattern))
    return frozenset(every) | {"sale", "discounts", "discounted", "vouchers", "coupons"}


def part_as_plain_text(content: str, *, markup: bool) -> str:
    """Returns the plain text of a part, without markup and marks; texts of HTML attributes come last."""
    text = content if content.isprintable() else _MARKS.sub("", _VALUE.sub("0", content))
    if markup:
        text = _STYLE.sub(" ", text)
        text = _TAG.sub("", _BLOCK.sub(" ", text)) + " " + " ".join(_SHOWN.findall(text))
        text = decode_entities(text)
    return text


def find_promotional_words(content: str, *locales: str, markup: bool = False) -> Iterator[str]:
    """Yields the promotional words of a text.

    Args:
        content: a rendered part, or a result of `literal_text_with_value_and_branch_marks`, in which each value counts
            as a number.
        locales: the locales of the text. The words of all languages are also looked for, except ambiguous ones.
        markup: whether it is HTML.
    """
    text = part_as_plain_text(content, markup=markup)
    if not text.isascii():
        text = UNSEEN.sub("", normalized("NFKC", UNSEEN.sub("", text)))  # one may be between letter and accent
    text = join_spread_letters(" ".join(text.split()))
    yield from _SHOUTED.findall(text)
    yield from _LESS.findall(text)
    text = text.lower()
    if _JOINED.search(text):
        text = f"{text} | {_JOINED.sub(' ', text)}"
    for pattern in dict.fromkeys(map(_pattern_of_language, ("en", *(locale.partition("-")[0] for locale in locales)))):
        yield from (found[0] for found in pattern.finditer(text))


def find_promotional_words_in_url(address: str) -> str | None:
    """Returns the first promotional words in a slug, or in a URL after its host, or None."""
    found = _IN_SLUG.search(" ".join(re.findall(r"[^\W_]+", unquote(_HOST.sub("", address)).lower())))
    return found[0] if found else None


def _pattern_of_language(language: str) -> re.Pattern[str]:
    return _PROMOTES.get(language, _ANYWHERE) if language != "en" else _ANYWHERE
