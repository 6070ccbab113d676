-- Whom the plug-in greylist has asked to come again, and who did: a digest of network, reverse-path and recipient,
-- or of network and sender's domain for those who came again (has_passed). Rows end at expires_ms; there are at most as many
-- as the plug-in is told to keep. Times are milliseconds since 1970 UTC.

CREATE TABLE greylist (
    digest TEXT PRIMARY KEY,
    first_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    has_passed INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

CREATE INDEX greylist_ends ON greylist (expires_ms, digest);

-- Who blocked the sending of an account ('system': the server itself), when and why. accounts.send_blocked says whether it
-- is blocked; a block of an earlier version has no row.
CREATE TABLE sending_blocks (
    account INTEGER PRIMARY KEY,
    blocked_by TEXT NOT NULL,
    since_ms INTEGER NOT NULL,
    why TEXT NOT NULL DEFAULT ''
);
