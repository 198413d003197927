"""The API of Amazon SES as a processor."""
