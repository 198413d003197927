"""Words that tell the nature of a breach, and numbers of people, by language: Massachusetts forbids both in a notice.

A list of words finds the usual ones only; a person has to read the text.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

_NATURE: Final[Mapping[str, str]] = {
    "en": r"hack\w*|stole\w*|theft of|ransomware|malware|phish\w*|intru\w+|br(?:oke|eaking|oken) in\w*|"
    r"unauthori[sz]ed|strangers?|exposed|leak\w*|exfiltrat\w*|misconfigur\w*|(?:was|were) accessed",
    "de": r"gehackt\w*|hacker\w*|gestohlen\w*|diebstahl der|schadsoftware|erpress\w*|phishing|unbefugt\w*|"
    r"eingedrungen\w*|einbruch\w*|fremde[rn]?|abgeflossen\w*|offengelegt\w*",
    "es": r"hacke\w*|robad[oa]s?|robo de datos|ransomware|malware|phishing|intrus\w+|no autorizad\w+|un extraño|"
    r"expuest\w+|filtra\w+",
    "fr": r"pirat\w+|volée?s?|vol de données|rançon\w*|malware|hameçonnage|phishing|intrus\w+|non autorisée?s?|"
    r"inconnus?|exposée?s?|fuites?",
    "ar": r"(?:ال)?قراصنة|قرصنة|سُرق\w*|سرقة البيانات|مسروقة|فدية|برمجيات خبيثة|تصيّد|متسلل\w*|غير مصرح\w*|شخص غريب|"
    r"تسرّ?ب\w*|مكشوفة",
    "ja": r"ハッキング|ハッカー|盗まれ|窃取|ランサムウェア|マルウェア|フィッシング|侵入|不正アクセス|第三者|流出",
}
_PEOPLE: Final[Mapping[str, str]] = {
    "en": r"people|persons|individuals|customers|residents|members|users|accounts|households",
    "de": r"menschen|personen|kund\w+|einwohner\w*|mitglieder\w*|nutzer\w*|konten|betroffene\w*",
    "es": r"personas|clientes|residentes|miembros|usuari\w+|cuentas|afectad\w+",
    "fr": r"personnes|client\w*|résident\w*|membres|utilisat\w+|comptes",
    "ar": r"شخص\w*|أشخاص|عميل\w*|عملاء|مستخدم\w*|عضو\w*|أعضاء|حساب\w*",
    "ja": r"人|名|件|アカウント",
}
_NUMBER: Final = r"\d[\d.,'\u00a0\u202f ]*(?:\s?(?:million|thousand|millionen|tausend|millones|mil|millions|mille)\w*)?"
_WITHOUT_SPACES: Final = frozenset({"ja"})


def find_nature_words(text: str, locale: str) -> Iterator[str]:
    """Yields the words of a text that tell the nature of a breach. English ones are looked for in each language."""
    yield from _found(text, locale, _NATURE, "{}")


def find_numbers_of_people(text: str, locale: str) -> Iterator[str]:
    """Yields the numbers of people, customers, accounts and the like that a text tells."""
    yield from _found(text, locale, _PEOPLE, rf"{_NUMBER}\s?(?:de |of )?(?:{{}})")


def _found(text: str, locale: str, words: Mapping[str, str], form: str) -> Iterator[str]:
    for language in dict.fromkeys((locale.partition("-")[0], "en")):
        if language in words:
            edges = "{}" if language in _WITHOUT_SPACES else r"(?<!\w)(?:{})(?!\w)"
            pattern = edges.format(form.format(words[language]))
            yield from (found[0] for found in re.finditer(pattern, text, re.IGNORECASE))
