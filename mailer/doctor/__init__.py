"""The checks at a start and of `mailer doctor`. Only `relays`, `disk_space` and `campaign_outside` do I/O."""
