-- What the sender of a queued message asked for: reports (RFC 3461), verified TLS (RFC 8689), a time before which
-- it must not go (RFC 4865) or by which it must have been delivered (RFC 2852), priority (RFC 6710). Times are
-- milliseconds since 1970 UTC.

ALTER TABLE queue_messages ADD COLUMN is_binary INTEGER NOT NULL DEFAULT 0;
ALTER TABLE queue_messages ADD COLUMN ret TEXT NOT NULL DEFAULT '';
ALTER TABLE queue_messages ADD COLUMN envid TEXT NOT NULL DEFAULT '';
ALTER TABLE queue_messages ADD COLUMN require_tls INTEGER NOT NULL DEFAULT 0;
ALTER TABLE queue_messages ADD COLUMN hold_until_ms INTEGER;
ALTER TABLE queue_messages ADD COLUMN deliver_by_ms INTEGER;
-- R: give it back then; N: tell the sender and go on; with T: tell the sender of each relay.
ALTER TABLE queue_messages ADD COLUMN deliver_by_mode TEXT NOT NULL DEFAULT '';
ALTER TABLE queue_messages ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;

-- notify: words with commas, empty when nothing was said. action: what the report is about that a row in state
-- 'failed' waits for. told_ms: when the sender was told of the delay.
ALTER TABLE queue_recipients ADD COLUMN notify TEXT NOT NULL DEFAULT '';
ALTER TABLE queue_recipients ADD COLUMN orcpt TEXT NOT NULL DEFAULT '';
ALTER TABLE queue_recipients ADD COLUMN action TEXT NOT NULL DEFAULT 'failed';
ALTER TABLE queue_recipients ADD COLUMN told_ms INTEGER NOT NULL DEFAULT 0;
