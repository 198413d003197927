"""The API of Brevo as a processor."""
