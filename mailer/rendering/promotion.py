"""Words that promote: mandatory mail, which nobody can leave, has none of them in any language that we know."""

import html
import re
import unicodedata
from collections.abc import Iterator

from mailer.policy.lookalikes import UNSEEN, unspread
from mailer.rendering.literal import BRANCH, CLOSE, END, OPEN, VALUE

_MONEY = r"[$€£¥]|usd|eur|gbp|euros?|dollars?"
AMOUNT = rf"(?:(?:{_MONEY})\s*\d[\d.,]*|\d[\d.,]*\s*(?:%|٪|percent|per cent|prozent|por ciento|pour cent|{_MONEY}))"

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
        r"half price",
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
        r"zum halben preis",
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
        r"نصف السعر",
    ),
    "fr": (
        rf"{AMOUNT} de (?:réduction|remise|rabais)",
        r"remises?",
        r"soldes !",
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
        r"a mitad de precio",
    ),
    "pt": (
        r"descontos?",
        r"promoç(?:ão|ões)",
        r"ofertas? (?:especial|especiais|exclusivas?)",
        r"cup(?:om|ons|ão)",
        r"compre (?:agora|já)",
    ),
    "it": (
        r"scont[oi]",
        r"saldi",
        r"offert[ae] (?:speciale|speciali|esclusiva|esclusive)",
        r"buon[oi] sconto",
        r"(?:acquista|compra) (?:ora|subito)",
    ),
    "nl": (
        r"korting(?:en|scode)?",
        r"aanbieding(?:en)?",
        r"uitverkoop",
        r"waardebon(?:nen)?",
        r"(?:koop|bestel) nu",
    ),
}
"""Words that sell, by language, as regular expressions over text in lower case with single spaces."""

_PROMOTES = {
    language: re.compile(rf"(?<!\w)(?:{'|'.join(words)})(?!\w)".replace(" ", r"\s?"))
    for language, words in _WORDS.items()
}
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


def selling_words() -> frozenset[str]:
    """The words of four letters or more among those that promote, in any language."""
    every = (word for words in _WORDS.values() for pattern in words for word in re.findall(r"[^\W\d_]{4,}", pattern))
    return frozenset(every) | {"sale", "discounts", "discounted", "vouchers", "coupons"}


def read_words(content: str, *, markup: bool) -> str:
    """The words of a part as `promotional_words` takes it, those of its attributes last."""
    text = content if content.isprintable() else _MARKS.sub("", _VALUE.sub("0", content))
    if markup:
        text = _STYLE.sub(" ", text)
        text = _TAG.sub("", _BLOCK.sub(" ", text)) + " " + " ".join(_SHOWN.findall(text))
        text = html.unescape(text)
    return text


def promotional_words(content: str, *locales: str, markup: bool = False) -> Iterator[str]:
    """The words of a text that promote, in English or in the languages of the locales.

    Args:
        content: a part as it is rendered, or as `literal` gives it: any number can stand for a value of it.
        locales: those that it may be written in.
        markup: whether it is HTML.
    """
    text = read_words(content, markup=markup)
    if not text.isascii():
        text = UNSEEN.sub("", unicodedata.normalize("NFKC", text))
    text = unspread(" ".join(text.split()))
    yield from _SHOUTED.findall(text)
    text = text.lower()
    for language in dict.fromkeys(("en", *(locale.partition("-")[0] for locale in locales))):
        if language in _PROMOTES:
            yield from (found[0] for found in _PROMOTES[language].finditer(text))
