"""The checks of a breach notice's texts: their names, conditions and remedies."""

from typing import Final

from mailer.rendering.campaign_findings import error_check, warning_check

MOST_WORDS: Final = 900
"""The most words of a notice, about two pages of a letter."""
MOST_CHARACTERS: Final = 2500
"""The same for languages without spaces between words."""
LONG_SENTENCE: Final = {"words": 35, "characters": 100}
LONG_ON_AVERAGE: Final = {"words": 20, "characters": 55}
LEAST_FLESCH: Final = 50
"""The least reading ease of English. Below it, Flesch calls a text fairly difficult."""

LANGUAGE_OF_EVERYBODY = error_check(
    "breach-default-language-missing",
    "A variant has no text in the brand's default language, which everybody gets whose own language is missing.",
    "Write the text in that language.",
)
LANGUAGE_MISSING = warning_check(
    "breach-language-missing",
    "People of the audience read a language in which their variant has no text. They get the default language.",
    "Write the text in that language too.",
)
UNFIT = error_check(
    "breach-text-unfit",
    "A text has markup, a field or a character that mail, letters or the telephone script cannot have.",
    "Change the text as the finding says: paragraphs, lists, **strong** words and links are possible.",
)
EMPTY = error_check(
    "breach-text-empty",
    "A text has no title, or no parts.",
    "Begin with the blocks, then write what happened.",
)
PART_MISSING = error_check(
    "breach-part-missing",
    "A part that a law asks for is missing, or says nothing: it has fewer than ten letters and figures.",
    "Write the part, or begin with its block.",
)
PART_FORBIDDEN = error_check(
    "breach-part-forbidden",
    "A part is there that a law forbids to the people of this variant.",
    "Empty the part. If other people of the variant must have it, give these places a variant of their own.",
)
PART_IN_CONFLICT = error_check(
    "breach-places-in-conflict",
    "The places of a variant contradict each other: one law asks for a part and another one forbids it.",
    "Give the places of one of the laws a variant of their own.",
)
PARTS_DIFFER = warning_check(
    "breach-languages-differ",
    "A language of a variant lacks a part that another language has.",
    "Write the part, or take it out of the other language.",
)
TITLE = error_check(
    "breach-title",
    "A law sets the title, and the English text has another one.",
    "Write the title exactly so.",
)
BLANK_LEFT = error_check(
    "breach-blank-left",
    "A text still has something in [brackets], which the writer was to fill in.",
    "Fill it in, or take it out with its brackets.",
)
DATE_MISSING = error_check(
    "breach-date-missing",
    "The facts know when the breach began, a law asks for what happened, and the text does not name that day.",
    "Name the day, with its year: people see whether they were concerned.",
)
DAY_OF_NOTICE_MISSING = warning_check(
    "breach-day-of-notice-missing",
    "The text names no day on or after the one on which the breach was found. A notice has to say when it was written.",
    "Write the day of the notice.",
)
CONTACT_MISSING = error_check(
    "breach-contact-missing",
    "The last part names neither a mailbox nor a telephone number.",
    "Write a mailbox or a telephone number at which a person answers.",
)
NATURE_TOLD = warning_check(
    "breach-nature-told",
    "A law forbids to tell the nature of the breach, and the text has a word that usually does, from a short list.",
    "Read the sentence. Take it out if it tells what happened.",
)
NUMBER_TOLD = warning_check(
    "breach-number-told",
    "A law forbids to tell how many people are concerned, and the text has a number of people or accounts.",
    "Read the sentence. Take the number out if it is that of the people concerned.",
)
PROMOTES = error_check(
    "breach-promotion",
    "The text has promotional words. A notice of a breach stands alone.",
    "Take the words out.",
)
FOREIGN_LINK = error_check(
    "breach-link-foreign",
    "A link does not lead to a page or mailbox of the brand's own domains by https. Strangers copy such notices.",
    "Link to a page of the brand, or write the address as text.",
)
UNSEEN = warning_check(
    "breach-invisible-characters",
    "The text has invisible characters within words.",
    "Paste the text as plain text, or type it anew.",
)
TOO_LONG = warning_check(
    "breach-text-long",
    f"The notice has more than {MOST_WORDS} words ({MOST_CHARACTERS:,} letters in Japanese): two pages of a letter.",
    "Shorten it. Details can stand on the page of the public notice.",
)
SENTENCE_LONG = warning_check(
    "breach-sentence-long",
    f"A sentence has more than {LONG_SENTENCE['words']} words ({LONG_SENTENCE['characters']} letters in Japanese).",
    "Make two sentences of it.",
)
HARD_TO_READ = warning_check(
    "breach-hard-to-read",
    f"Sentences have more than {LONG_ON_AVERAGE['words']} words on average ({LONG_ON_AVERAGE['characters']} letters in "
    f"Japanese), or the Flesch reading ease of the English text is below {LEAST_FLESCH}. These are counts of words and "
    "vowels; they do not say whether people understand.",
    "Write shorter sentences and shorter words. Let somebody read it who was not there.",
)

CHECKS: Final = (
    LANGUAGE_OF_EVERYBODY,
    UNFIT,
    EMPTY,
    PART_MISSING,
    PART_FORBIDDEN,
    PART_IN_CONFLICT,
    TITLE,
    BLANK_LEFT,
    DATE_MISSING,
    CONTACT_MISSING,
    PROMOTES,
    FOREIGN_LINK,
    LANGUAGE_MISSING,
    PARTS_DIFFER,
    DAY_OF_NOTICE_MISSING,
    NATURE_TOLD,
    NUMBER_TOLD,
    UNSEEN,
    TOO_LONG,
    SENTENCE_LONG,
    HARD_TO_READ,
)
"""All checks of texts, errors first."""
