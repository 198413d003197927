"""The phrases of each language: one module for each, as a readable table. Pure."""

from mailer.inbound.requests.languages.arabic import ARABIC
from mailer.inbound.requests.languages.english import ENGLISH
from mailer.inbound.requests.languages.french import FRENCH
from mailer.inbound.requests.languages.german import GERMAN
from mailer.inbound.requests.languages.japanese import JAPANESE
from mailer.inbound.requests.languages.spanish import SPANISH

TABLES = (ENGLISH, GERMAN, SPANISH, FRENCH, ARABIC, JAPANESE)
"""The tables; at a tie, the first one is taken."""
