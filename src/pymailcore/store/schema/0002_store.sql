-- Quotas, undelete, rights, annotations, SAVEDATE, places of blobs, housekeeping.

-- ---------------------------------------------------------------- quotas

ALTER TABLE accounts ADD COLUMN quota_emails INTEGER;
ALTER TABLE accounts ADD COLUMN quota_mailboxes INTEGER;
ALTER TABLE accounts ADD COLUMN used_emails INTEGER NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN used_mailboxes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN kept_octets INTEGER NOT NULL DEFAULT 0;
UPDATE accounts SET used_emails = (SELECT count(*) FROM emails e WHERE e.account = accounts.id),
    used_mailboxes = (SELECT count(*) FROM mailboxes m WHERE m.account = accounts.id);

-- Of a domain or a tenant: limits (NULL for none) and what the back worker counted last.
CREATE TABLE quotas (
    scope TEXT NOT NULL,
    id INTEGER NOT NULL,
    limit_octets INTEGER,
    limit_emails INTEGER,
    limit_mailboxes INTEGER,
    used_octets INTEGER NOT NULL DEFAULT 0,
    used_emails INTEGER NOT NULL DEFAULT 0,
    used_mailboxes INTEGER NOT NULL DEFAULT 0,
    counted_ms INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (scope, id)
);

-- ---------------------------------------------------------------- SAVEDATE and undelete

-- When the message came into this Mailbox (RFC 8514).
ALTER TABLE placements ADD COLUMN saved_ms INTEGER NOT NULL DEFAULT 0;
UPDATE placements SET saved_ms = received_ms;

-- What left a Mailbox, with what an undelete as of a moment needs; rows go with the change log's horizon.
ALTER TABLE expunged ADD COLUMN email INTEGER;
ALTER TABLE expunged ADD COLUMN saved_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE expunged ADD COLUMN gone_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE removed ADD COLUMN gone_ms INTEGER NOT NULL DEFAULT 0;

-- An Email that left its last Mailbox; email_data, email_headers and blob_refs keep its other rows.
CREATE TABLE kept_emails (
    id INTEGER PRIMARY KEY,
    account INTEGER NOT NULL,
    mailbox INTEGER NOT NULL,  -- the one that it left last
    thread INTEGER NOT NULL,
    flags INTEGER NOT NULL,
    extra TEXT NOT NULL,
    size_octets INTEGER NOT NULL,
    received_ms INTEGER NOT NULL,
    sent_ms INTEGER,
    sent_local_ms INTEGER,
    has_attachment INTEGER NOT NULL,
    gone_ms INTEGER NOT NULL
);
CREATE INDEX kept_emails_account ON kept_emails (account, gone_ms);

-- What became of Emails that were brought back: a restored Email has a new id. `became` is the newest.
CREATE TABLE restored_emails (
    email INTEGER PRIMARY KEY,
    account INTEGER NOT NULL,
    became INTEGER NOT NULL,
    restored_ms INTEGER NOT NULL
);
CREATE INDEX restored_emails_account ON restored_emails (account);
CREATE INDEX restored_emails_became ON restored_emails (became);

CREATE TABLE kept_mailboxes (
    id INTEGER PRIMARY KEY,
    account INTEGER NOT NULL,
    path TEXT NOT NULL,
    role TEXT,
    subscribed INTEGER NOT NULL,
    gone_ms INTEGER NOT NULL,
    became INTEGER  -- the Mailbox that was made for it when its mail was brought back
);
CREATE INDEX kept_mailboxes_account ON kept_mailboxes (account, gone_ms);

-- ---------------------------------------------------------------- rights and annotations

-- RFC 4314: what another account, or an identifier ('anyone', '-name'), may do with a Mailbox.
CREATE TABLE rights (
    mailbox INTEGER NOT NULL,
    identifier TEXT NOT NULL,
    account INTEGER,
    rights TEXT NOT NULL,
    PRIMARY KEY (mailbox, identifier)
);
CREATE INDEX rights_account ON rights (account);

-- RFC 5464: entries of a Mailbox, or of the server (mailbox 0); owner 0 for /shared, which on the server is kept
-- with the negative id of the tenant as its account.
CREATE TABLE annotations (
    account INTEGER NOT NULL,
    mailbox INTEGER NOT NULL,
    owner INTEGER NOT NULL,
    entry TEXT NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (account, mailbox, owner, entry)
);

-- ---------------------------------------------------------------- blobs

-- Data keys of a tenant, wrapped by the master key of that id (store.sealing); secrets has the id of the one in use.
CREATE TABLE sealing_keys (
    tenant INTEGER NOT NULL,
    number INTEGER NOT NULL,
    master TEXT NOT NULL,
    wrapped BLOB NOT NULL,
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (tenant, number)
);

-- Octets of a blob whose pack is 0: they are here.
CREATE TABLE blob_octets (
    blob INTEGER PRIMARY KEY,
    octets BLOB NOT NULL
);

-- Blobs that lost an owner since the collector last looked; who takes one up again removes its row.
-- pass: the collector's scan that began with this row there; 0 when none has.
CREATE TABLE loose_blobs (
    blob INTEGER PRIMARY KEY,
    pass INTEGER NOT NULL DEFAULT 0
);

-- What housekeeping knows of a pack; a pack that nobody looked at has no row.
CREATE TABLE packs (
    id INTEGER PRIMARY KEY,
    octets INTEGER NOT NULL,
    live_octets INTEGER NOT NULL,
    looked_ms INTEGER NOT NULL,
    gone_ms INTEGER
);

-- ---------------------------------------------------------------- housekeeping

-- What an operator must know of, until it is over; `subject` tells several of one kind apart.
CREATE TABLE alarms (
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL,
    since_ms INTEGER NOT NULL,
    seen_ms INTEGER NOT NULL,
    PRIMARY KEY (kind, subject)
);

-- How far the jobs of housekeeping are, so that a restart goes on where the last one ended.
CREATE TABLE chores (
    name TEXT PRIMARY KEY,
    place TEXT NOT NULL,
    begun_ms INTEGER NOT NULL,
    ended_ms INTEGER NOT NULL
);

-- While one is in force no housekeeper of any node removes packs or objects: a backup reads them.
CREATE TABLE holds (
    id INTEGER PRIMARY KEY,
    what TEXT NOT NULL,
    begun_ms INTEGER NOT NULL,
    until_ms INTEGER NOT NULL
);

-- What is filling this store and has not ended; a store with a row here is not used by anybody.
CREATE TABLE unfinished (
    what TEXT PRIMARY KEY
);

-- What housekeeping counted last of a tenant's blobs and messages.
CREATE TABLE tenant_octets (
    tenant INTEGER PRIMARY KEY,
    blobs INTEGER NOT NULL,
    refs INTEGER NOT NULL,
    decoded_octets INTEGER NOT NULL,
    stored_octets INTEGER NOT NULL,
    counted_ms INTEGER NOT NULL
);

-- ---------------------------------------------------------------- imports

-- A folder of a source that mail was imported from; "" stands for the whole source.
CREATE TABLE imports (
    id INTEGER PRIMARY KEY,
    account INTEGER NOT NULL,
    source TEXT NOT NULL,
    folder TEXT NOT NULL,
    UNIQUE (account, source, folder)
);

-- The messages that came from there, by the source's own names, so that none comes twice.
CREATE TABLE imported (
    import INTEGER NOT NULL,
    item TEXT NOT NULL,
    email INTEGER NOT NULL,
    PRIMARY KEY (import, item)
) WITHOUT ROWID;
