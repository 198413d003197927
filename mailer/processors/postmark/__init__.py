"""The API of Postmark as a processor."""
