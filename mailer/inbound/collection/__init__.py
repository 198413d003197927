"""Mail that mailer fetches itself: from a Maildir, an mbox, or a mailbox by IMAP."""
