"""The checks that a process makes before it works, and those of `mailer doctor`: pure, but for `dns` and `relays`."""
