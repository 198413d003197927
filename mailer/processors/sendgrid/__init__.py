"""The API of Twilio SendGrid as a processor."""
