"""Brevo's transactional webhooks: not signed; a token or a password is all that protects them."""
