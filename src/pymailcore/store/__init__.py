"""The message store: Emails, Mailboxes, Threads, blobs, changes, queries."""
