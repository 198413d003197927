"""Writes recipients.csv, the made-up people of the demo: `python examples/make_recipients.py`, the same on each run."""

# ruff: noqa: RUF001 - the names are in the scripts of those who bear them

import csv
import random
import unicodedata
from collections.abc import Iterator, Sequence
from io import StringIO
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

PEOPLE = 1_000
PERSON = ("ref", "email", "name", "locale", "country", "source", "collected_at")
CONSENT = ("consents", "consent_source", "consent_version", "consent_at", "consent_words", "consent_proof")
COLUMNS = (*PERSON, *CONSENT, "paid", "opted_out", "deactivated", "audiences")
ASKED_FOR = ("newsletter;promotional",) * 6 + ("newsletter", "promotional", "")
"""The kinds of mail that people have confirmed that they want. One in nine has never been asked."""
FREE, AFFECTED = "free-accounts", "affected-in-march"

NAMES = {
    ("en", "US"): ("Emma Liam Olivia Noah Ava Mason", "Smith Johnson Williams Brown Garcia Miller"),
    ("en-GB", "GB"): ("Amelia Oliver Isla Harry Freya Alfie", "Taylor Davies Evans Walker Okafor Hughes"),
    ("de", "DE"): ("Jürgen Änne Björn Käthe Lukas Mia", "Müller Schröder Weiß Groß Schäfer Jäger"),
    ("de-AT", "AT"): ("Günther Sabine Florian Johanna", "Gruber Höfer Wögerbauer Pichler"),
    ("fr", "FR"): ("Chloé Léo Zoé Anaïs Gaëlle Jérôme", "Lefèvre Dupré Garçon Noël Benoît Roux"),
    ("es", "ES"): ("Lucía Martín Sofía José Begoña Iñaki", "Muñoz Ibáñez Núñez Peña Ordóñez Gil"),
    ("pt-BR", "BR"): ("João Conceição Antônio Luísa", "Gonçalves Araújo Simões Falcão"),
    ("pl", "PL"): ("Łukasz Małgorzata Paweł Żaneta", "Wójcik Dąbrowski Kamiński Źrebiec"),
    ("tr", "TR"): ("Çağla Ömer Şule İbrahim", "Yıldız Öztürk Güneş Çelik"),
    ("ar", "EG"): ("أحمد فاطمة يوسف مريم خالد ليلى", "حسن إبراهيم المصري عبدالله منصور النجار"),
    ("ar", "MA"): ("عمر زينب إدريس نور", "العلوي بنعلي الفاسي التازي"),
    ("he", "IL"): ("נועה דוד יעל איתן", "כהן לוי מזרחי פרץ"),
    ("el", "GR"): ("Γιώργος Ελένη Νίκος Μαρία", "Παπαδόπουλος Ιωάννου Οικονόμου Δήμου"),
    ("ru", "KZ"): ("Анна Иван Ольга Тимур", "Иванова Петров Ким Ахметов"),
    ("uk", "UA"): ("Оксана Тарас Соломія Андрій", "Шевченко Коваленко Бондар Ткачук"),
    ("hi", "IN"): ("आरव दीया अनन्या विवान", "शर्मा पटेल सिंह गुप्ता"),
    ("th", "TH"): ("สมชาย มาลี อนันต์ สุดา", "แสงทอง ใจดี ศรีสุข วงศ์ไทย"),
    ("ja", "JP"): ("葵 蓮 結衣 湊", "佐藤 鈴木 高橋 渡辺"),
    ("ko", "KR"): ("서연 민준 지우 하준", "김 이 박 최"),
    ("zh-Hans", "CN"): ("伟 芳 敏 静", "王 李 张 刘"),
    ("zh-Hant-TW", "TW"): ("怡君 志明 淑芬 家豪", "陳 林 黃 張"),
}
HALF_SPEAK = [("en", "US"), ("en-GB", "GB"), ("de", "DE"), ("ar", "EG")]
"""The languages that the templates have; half of the people speak one of them."""

DOMAINS = ("example.com", "example.org", "example.net", "mail.example", "letters.example", "post.test")
SOURCES = ("sign-up", "sign-up", "newsletter-form", "app")

# What people are like who do not look like the others: ref, address, name, locale, country, opted out, deactivated.
SPECIAL = (
    ("member-0001", "ada.lovelace@example.org", "Ada Lovelace", "en-GB", "GB", "", ""),
    ("member-0002", "ben.okafor@example.com", "Ben Okafor", "en", "US", "", ""),
    ("member-0003", "nobody@example.org", "Nemo Nobody", "en", "US", "", ""),  # refused: 550 5.1.1
    ("member-0004", "the.smiths@example.net", "Joan Smith", "en", "US", "", ""),
    ("member-0005", "The.Smiths@Example.NET", "John Smith", "en", "US", "", ""),  # the same address
    ("member-0006", "quiet@example.org", "Quentin Quiet", "en-GB", "GB", "*", "no"),
    ("member-0007", "gone@example.org", "Gustav Gegangen", "de", "DE", "", "yes"),
    ("member-0008", "quiet.and.gone@example.org", "غادر بهدوء", "ar", "EG", "newsletter;promotional", "yes"),
    ("member-0009", "jörg@example.org", "Jörg Übermütig", "de", "DE", "", ""),  # needs SMTPUTF8
    ("member-0010", "vera@bücher.example", "Véra Bücher", "de-AT", "AT", "", ""),  # needs A-labels
    ("member-0011", "o'neill+mail@example.com", 'Seán "Jack" O\'Neill, Jr.', "en", "IE", "", ""),
    ("member-0012", "nameless@example.org", "", "", "", "", ""),
    ("member-0013", "long@example.org", "Pablo Diego José Francisco de Paula Juan Nepomuceno " * 3, "es", "ES", "", ""),
    ("member-0014", "smile@example.org", "Smiley 😀 <script>alert(1)</script>", "fr", "FR", "", ""),
)

# Lines that no import may take, each with what is wrong with it.
BAD = (
    {"ref": "bad-01", "email": "no-at-sign.example.org"},
    {"ref": "bad-02", "email": "two@at@example.org"},
    {"ref": "bad-03", "email": ""},
    {"ref": "", "email": "no-ref@example.org"},
    {"ref": "bad-05", "email": "inject@example.org", "name": "Eve\u202eBcc: victim@example.org"},
    {"ref": "bad-06", "email": "inject@example.org\nRCPT TO:<victim@example.org>"},
    {"ref": "bad-07", "email": "locale@example.org", "locale": "gobbledygook"},
    {"ref": "bad-08", "email": "country@example.org", "country": "Atlantis"},
    {"ref": "bad-09", "email": "must@example.org", "opted_out": "service"},
    {"ref": "bad-10", "email": "gossip@example.org", "opted_out": "gossip"},
    {"ref": "bad-11", "email": "maybe@example.org", "deactivated": "maybe"},
    {"ref": "bad-12", "email": "big@example.org", "audiences": "Big Spenders!"},
    {"ref": "bad-13", "email": "dots@example..org"},
    {"ref": "bad-14", "email": "when@example.org", "collected_at": "yesterday"},
)


def main() -> None:
    """Writes the file beside this one."""
    (Path(__file__).parent / "recipients.csv").write_text(content(), encoding="utf-8", newline="")


def content() -> str:
    """The file: a header line, the people, and the bad lines between them."""
    file = StringIO(newline="")
    writer = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for number, person in enumerate(people(), 1):
        writer.writerow(person)
        if number % 67 == 0 and number // 67 <= len(BAD):
            writer.writerow(BAD[number // 67 - 1])
    return file.getvalue()


def people() -> Iterator[dict[str, str]]:
    """The thousand."""
    chance = Chance()
    for number, (ref, email, name, locale, country, opted_out, deactivated) in enumerate(SPECIAL, 1):
        yield {
            **{"ref": ref, "email": email, "name": name.strip(), "locale": locale, "country": country},
            **{"source": "sign-up", "collected_at": f"2025-01-{number:02}T09:00:00Z"},
            **consent("newsletter;promotional", f"2025-01-{number:02}"),
            **{"opted_out": opted_out, "deactivated": deactivated, "audiences": AFFECTED if number < 9 else ""},
        }
    for number in range(len(SPECIAL) + 1, PEOPLE + 1):
        yield ordinary(number, chance)


def ordinary(number: int, chance: "Chance") -> dict[str, str]:
    """Somebody like everybody."""
    locale, country = chance.one_of(HALF_SPEAK if chance.happens(0.5) else list(NAMES))
    given, family = (chance.one_of(part.split()) for part in NAMES[locale, country])
    opted_out = "*" if chance.happens(0.02) else "newsletter" if chance.happens(0.05) else ""
    audiences = [name for name, share in ((FREE, 0.3), (AFFECTED, 0.1)) if chance.happens(share)]
    day = f"2025-{1 + number % 9:02}-{1 + number % 28:02}"
    return {
        "ref": f"member-{number:04}",
        "email": f"{local_part(given)}.{number}@{chance.one_of(DOMAINS)}",
        "name": f"{family}{given}" if locale[:2] in ("ja", "ko", "zh") else f"{given} {family}",
        "locale": locale,
        "country": country,
        "source": chance.one_of(SOURCES),
        "collected_at": f"{day}T12:00:00Z",
        **consent(ASKED_FOR[number % len(ASKED_FOR)], day),
        "paid": "" if FREE in audiences else "yes",
        "opted_out": opted_out or ("promotional" if chance.happens(0.06) else ""),
        "deactivated": "yes" if chance.happens(0.025) else "",
        "audiences": ";".join(audiences),
    }


def consent(scopes: str, day: str) -> dict[str, str]:
    """The columns of a consent with its proof: which words were shown, of which version, when and where."""
    if not scopes:
        return {}
    words = "Yes, send me news and offers. I can stop it at any time."
    said = (scopes, "confirmed", "form 2025-01", f"{day}T12:05:00Z", words, f"message-id:<confirm-{day}@mail.example>")
    return dict(zip(CONSENT, said, strict=True))


def local_part(name: str) -> str:
    """A name in ASCII, if something of it is left."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return plain if len(plain) > 1 else "member"


class Chance:
    """The same chances each time: of `random`, only `random()` promises the same numbers in every Python."""

    def __init__(self) -> None:
        self._random = random.Random(2006).random

    def happens(self, share: float) -> bool:
        """True as often as the share says."""
        return self._random() < share

    def one_of(self, values: Sequence[T]) -> T:
        """Any of them."""
        return values[int(self._random() * len(values))]


if __name__ == "__main__":
    main()
