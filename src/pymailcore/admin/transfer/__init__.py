"""Mail in and out: Maildir, mbox and other servers; the database to another engine."""
