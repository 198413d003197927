"""Reads files of people as other systems export them: their encoding, columns, dates, countries and languages. Pure."""
