-- What SORT and THREAD look at, beside the header text (store.ordering). Older rows are filled by store.refill.

-- Local parts of the first addresses; base_subject, from_sort and to_sort are sort keys from now on, too.
ALTER TABLE email_headers ADD COLUMN from_mailbox TEXT NOT NULL DEFAULT '';
ALTER TABLE email_headers ADD COLUMN to_mailbox TEXT NOT NULL DEFAULT '';
ALTER TABLE email_headers ADD COLUMN cc_mailbox TEXT NOT NULL DEFAULT '';
-- Date field, Message-ID, base subject, references as numbers (message.threading_values).
ALTER TABLE email_headers ADD COLUMN threading BLOB NOT NULL DEFAULT x'';
