"""Postmark's webhooks: not signed; a user and a password in the URL are all that protects them."""
