-- Sending: mail that is held, whose turn it is, whom somebody writes to for the first time. Who is connected now.

-- ---------------------------------------------------------------- limits of sending

-- first_recipients: of recipients those who were no correspondents before; refused: messages that were too many.
ALTER TABLE sent ADD COLUMN first_recipients INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sent ADD COLUMN refused INTEGER NOT NULL DEFAULT 0;

-- Whom an account has written to (mailed 1) or has had mail from (0), outside of its tenant; digest: 64 bits of the
-- address. The newest of each kind.
CREATE TABLE correspondents (
    account INTEGER NOT NULL,
    digest INTEGER NOT NULL,
    seen_ms INTEGER NOT NULL,
    mailed INTEGER NOT NULL,
    PRIMARY KEY (account, digest)
) WITHOUT ROWID;

-- ---------------------------------------------------------------- the queue

-- Who sent it, 0 where nobody signed in to do so; cleared: it goes out although its account may not send.
-- queue_recipients.state 'held': its account may not send.
ALTER TABLE queue_messages ADD COLUMN account INTEGER NOT NULL DEFAULT 0;
ALTER TABLE queue_messages ADD COLUMN cleared INTEGER NOT NULL DEFAULT 0;
CREATE INDEX queue_messages_account ON queue_messages (account);
-- Whose turn it is (queue.turns): the account that sent it; minus the tenant where nobody signed in to do so.
ALTER TABLE queue_recipients ADD COLUMN flow INTEGER NOT NULL DEFAULT 0;
UPDATE queue_recipients SET flow = COALESCE((SELECT -m.tenant FROM queue_messages m
    WHERE m.id = queue_recipients.message), 0);
CREATE INDEX queue_recipients_flow ON queue_recipients (state, flow, next_try_ms);

-- What was brought to accounts here by way of the queue: token is a hash of the message and the recipient.
CREATE TABLE brought (
    token BLOB PRIMARY KEY,
    moment_ms INTEGER NOT NULL
);
CREATE INDEX brought_moment ON brought (moment_ms);

-- ---------------------------------------------------------------- who is connected

-- Written every few seconds by each process. seen_ms: when the process last lived.
CREATE TABLE presences (
    process TEXT NOT NULL,
    number INTEGER NOT NULL,
    account INTEGER NOT NULL,
    protocol TEXT NOT NULL,
    peer TEXT NOT NULL,
    client TEXT NOT NULL,
    mechanism TEXT NOT NULL,
    since_ms INTEGER NOT NULL,
    seen_ms INTEGER NOT NULL,
    PRIMARY KEY (process, number)
);
CREATE INDEX presences_account ON presences (account);

-- ---------------------------------------------------------------- audit log

-- For whoever asks what is kept of him.
CREATE INDEX audit_subject ON audit (tenant, subject, seq);
CREATE INDEX audit_actor ON audit (actor, seq);
