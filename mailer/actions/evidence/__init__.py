"""The evidence pack of a breach case: its files, its signature, and the program that verifies it without mailer."""
