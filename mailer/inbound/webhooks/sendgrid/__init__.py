"""SendGrid's Event Webhook: signed with ECDSA over a time and the raw body."""
