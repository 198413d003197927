"""Mailgun's webhooks: signed by HMAC over a time and a token that is used once."""
