"""The finding about the fonts of printed letters."""

from pathlib import Path
from typing import Final

from mailer.actions.typesetting.letter_typesetting import TypesettingFailed, characters_of_folder, name_characters
from mailer.doctor.finding import Finding, ok_finding, warning_finding
from mailer.rendering.font_coverage import characters_missing
from mailer.rendering.letter_pages import WORDS

_CHECK: Final = "fonts of letters"
_PACKAGES: Final = {"ar": "fonts-noto-core", "ja": "fonts-vlgothic or fonts-noto-cjk"}
"""The packages of Debian that have the characters of a language; of the others it is `fonts-noto-core`."""


def examine_letter_fonts(folder: Path) -> Finding:
    """Returns the finding about a folder of fonts. Letters in the shipped languages need the characters of these."""
    try:
        known = characters_of_folder(folder)
    except TypesettingFailed:
        return warning_finding(
            _CHECK,
            f"there is none in {folder}: apt-get install fonts-noto-core fonts-vlgothic, or set MAILER_LETTER_FONTS",
        )
    for language, words in WORDS.items():
        if missing := characters_missing(words.values(), known):
            package = _PACKAGES.get(language, "fonts-noto-core")
            named = name_characters(missing)
            return warning_finding(_CHECK, f"none in {folder} has {named} for {language}: apt-get install {package}")
    return ok_finding(_CHECK, f"letters can be printed in {', '.join(WORDS)}")
