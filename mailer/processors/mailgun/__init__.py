"""The API of Mailgun as a processor."""
