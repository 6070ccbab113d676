-- The first schema. Times are milliseconds since 1970 UTC; ids are minted by base.ids and never used again.
-- A modseq is the account's counter; 0 means "before everything".

-- ---------------------------------------------------------------- directory: domains, accounts, addresses

CREATE TABLE domains (
    id INTEGER PRIMARY KEY,
    tenant INTEGER NOT NULL,
    name TEXT NOT NULL UNIQUE,
    created_ms INTEGER NOT NULL
);

CREATE TABLE accounts (
    id INTEGER PRIMARY KEY,
    tenant INTEGER NOT NULL,
    name TEXT NOT NULL UNIQUE,
    admin INTEGER NOT NULL DEFAULT 0,
    created_ms INTEGER NOT NULL,
    -- store's own columns: the clock, the newest modseq of each JMAP data type, what the change log reaches back to
    modseq INTEGER NOT NULL DEFAULT 0,
    email_modseq INTEGER NOT NULL DEFAULT 0,
    mailbox_modseq INTEGER NOT NULL DEFAULT 0,
    thread_modseq INTEGER NOT NULL DEFAULT 0,
    identity_modseq INTEGER NOT NULL DEFAULT 0,
    submission_modseq INTEGER NOT NULL DEFAULT 0,
    log_floor INTEGER NOT NULL DEFAULT 0,
    last_uid_validity INTEGER NOT NULL DEFAULT 0,
    used_octets INTEGER NOT NULL DEFAULT 0,
    quota_octets INTEGER
);

CREATE TABLE addresses (
    address TEXT NOT NULL,
    target_account INTEGER,
    target_address TEXT,
    kind TEXT NOT NULL,
    display TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    UNIQUE (address, target_account, target_address)
);
CREATE INDEX addresses_account ON addresses (target_account);

CREATE TABLE credentials (
    account INTEGER NOT NULL,
    kind TEXT NOT NULL,
    verifier TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (account, kind)
);

CREATE TABLE sessions (
    digest BLOB PRIMARY KEY,
    account INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    last_used_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    peer TEXT,
    user_agent TEXT
);
CREATE INDEX sessions_account ON sessions (account);

CREATE TABLE identities (
    id INTEGER PRIMARY KEY,
    account INTEGER NOT NULL,
    name TEXT NOT NULL,
    email TEXT NOT NULL,
    text_signature TEXT NOT NULL DEFAULT '',
    html_signature TEXT NOT NULL DEFAULT ''
);
CREATE INDEX identities_account ON identities (account);

CREATE TABLE secrets (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL
);

-- ---------------------------------------------------------------- queue and submission

CREATE TABLE queue_messages (
    id INTEGER PRIMARY KEY,
    tenant INTEGER NOT NULL,
    reverse_path TEXT,
    size_octets INTEGER NOT NULL,
    recipe BLOB NOT NULL,
    smtputf8 INTEGER NOT NULL,
    eight_bit INTEGER NOT NULL,
    created_ms INTEGER NOT NULL
);

CREATE TABLE queue_recipients (
    message INTEGER NOT NULL,
    address TEXT NOT NULL,
    domain TEXT NOT NULL,
    next_try_ms INTEGER NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    lease_until_ms INTEGER NOT NULL DEFAULT 0,
    last_reply TEXT NOT NULL DEFAULT '',
    state TEXT NOT NULL DEFAULT 'waiting',
    PRIMARY KEY (message, address)
);
CREATE INDEX queue_recipients_due ON queue_recipients (state, next_try_ms);

CREATE TABLE submissions (
    id INTEGER PRIMARY KEY,
    account INTEGER NOT NULL,
    identity INTEGER NOT NULL,
    email INTEGER NOT NULL,
    thread INTEGER NOT NULL,
    envelope TEXT NOT NULL,
    send_at_ms INTEGER NOT NULL,
    undo_status TEXT NOT NULL,
    queue_message INTEGER,
    created_modseq INTEGER NOT NULL,
    changed_modseq INTEGER NOT NULL
);
CREATE INDEX submissions_account ON submissions (account, changed_modseq);

-- ---------------------------------------------------------------- the change log

-- What left a JMAP data type. `created` is the modseq at which the thing had come, so that a client which
-- never saw it is not told of its end. `thread`, of an Email: Threads that changed are found by their Emails.
CREATE TABLE removed (
    account INTEGER NOT NULL,
    kind TEXT NOT NULL,
    id INTEGER NOT NULL,
    modseq INTEGER NOT NULL,
    created INTEGER NOT NULL DEFAULT 0,
    thread INTEGER
);
CREATE INDEX removed_account ON removed (account, kind, modseq);

-- UIDs that left a Mailbox; `arrived` as above.
CREATE TABLE expunged (
    mailbox INTEGER NOT NULL,
    modseq INTEGER NOT NULL,
    uid INTEGER NOT NULL,
    arrived INTEGER NOT NULL,
    PRIMARY KEY (mailbox, modseq, uid)
) WITHOUT ROWID;

-- ---------------------------------------------------------------- Mailboxes, Emails, Threads

CREATE TABLE mailboxes (
    id INTEGER PRIMARY KEY,
    account INTEGER NOT NULL,
    parent INTEGER,
    path TEXT NOT NULL,
    role TEXT,
    sort_order INTEGER NOT NULL,
    subscribed INTEGER NOT NULL,
    uid_validity INTEGER NOT NULL,
    uid_next INTEGER NOT NULL DEFAULT 1,
    highest_modseq INTEGER NOT NULL,
    created_modseq INTEGER NOT NULL,
    changed_modseq INTEGER NOT NULL,
    counts_modseq INTEGER NOT NULL,
    messages INTEGER NOT NULL DEFAULT 0,
    unseen INTEGER NOT NULL DEFAULT 0,
    deleted INTEGER NOT NULL DEFAULT 0,
    size_octets INTEGER NOT NULL DEFAULT 0,
    total_emails INTEGER NOT NULL DEFAULT 0,
    unread_emails INTEGER NOT NULL DEFAULT 0,
    total_threads INTEGER NOT NULL DEFAULT 0,
    unread_threads INTEGER NOT NULL DEFAULT 0,
    UNIQUE (account, path)
);
CREATE UNIQUE INDEX mailboxes_role ON mailboxes (account, role) WHERE role IS NOT NULL;

-- What changes about an Email, and what flag lists and filters need. `visible`: it has a placement
-- without \Deleted, so that it exists for JMAP. created_modseq is when it became visible.
CREATE TABLE emails (
    id INTEGER PRIMARY KEY,
    account INTEGER NOT NULL,
    thread INTEGER NOT NULL,
    flags INTEGER NOT NULL,
    extra TEXT NOT NULL,
    visible INTEGER NOT NULL,
    flags_modseq INTEGER NOT NULL,
    created_modseq INTEGER NOT NULL,
    changed_modseq INTEGER NOT NULL,
    size_octets INTEGER NOT NULL,
    received_ms INTEGER NOT NULL,
    sent_ms INTEGER,
    sent_local_ms INTEGER,  -- the Date field's own day and time, read as UTC (RFC 9051 section 6.4.4)
    has_attachment INTEGER NOT NULL
);
CREATE INDEX emails_changed ON emails (account, changed_modseq);
CREATE INDEX emails_thread ON emails (thread);

-- What never changes about an Email: folded header text for substring search and sorting.
CREATE TABLE email_headers (
    email INTEGER PRIMARY KEY,
    from_text TEXT NOT NULL,
    to_text TEXT NOT NULL,
    cc_text TEXT NOT NULL,
    bcc_text TEXT NOT NULL,
    subject_text TEXT NOT NULL,
    base_subject TEXT NOT NULL,
    from_sort TEXT NOT NULL,
    to_sort TEXT NOT NULL
);

-- The same, as octets that readers hand out. BODY is made of the parts.
CREATE TABLE email_data (
    email INTEGER PRIMARY KEY,
    envelope BLOB NOT NULL,
    bodystructure BLOB NOT NULL,
    parts BLOB NOT NULL,
    facts BLOB NOT NULL,
    recipe BLOB NOT NULL
);

-- (Mailbox, UID) -> Email. received_ms repeats the Email's for lists by time.
CREATE TABLE placements (
    mailbox INTEGER NOT NULL,
    uid INTEGER NOT NULL,
    email INTEGER NOT NULL,
    deleted INTEGER NOT NULL,
    arrived_modseq INTEGER NOT NULL,
    modseq INTEGER NOT NULL,
    received_ms INTEGER NOT NULL,
    PRIMARY KEY (mailbox, uid)
) WITHOUT ROWID;
CREATE INDEX placements_received ON placements (mailbox, received_ms, email) WHERE deleted = 0;
CREATE INDEX placements_email ON placements (email, mailbox, deleted);

-- Emails of a Thread: members all, emails visible ones; unread as unreadThreads counts them
-- (RFC 8621 section 2), outside and inside of the trash.
CREATE TABLE threads (
    id INTEGER PRIMARY KEY,
    account INTEGER NOT NULL,
    members INTEGER NOT NULL,
    emails INTEGER NOT NULL,
    unread INTEGER NOT NULL,
    unread_trash INTEGER NOT NULL,
    created_modseq INTEGER NOT NULL,
    changed_modseq INTEGER NOT NULL
);

-- How many visible Emails of a Thread a Mailbox holds.
CREATE TABLE thread_mailboxes (
    thread INTEGER NOT NULL,
    mailbox INTEGER NOT NULL,
    emails INTEGER NOT NULL,
    PRIMARY KEY (thread, mailbox)
) WITHOUT ROWID;

-- Message-ID and base subject, hashed to 63 bits, -> Thread. A key whose Thread is gone counts for nothing.
CREATE TABLE thread_keys (
    account INTEGER NOT NULL,
    key INTEGER NOT NULL,
    thread INTEGER NOT NULL,
    PRIMARY KEY (account, key)
) WITHOUT ROWID;

-- ---------------------------------------------------------------- blobs

-- Where the octets of an address lie. key: HMAC-SHA-256 under the tenant's key. id: 63 bits of the key, the first
-- or, where another blob has those, the next (store.blobids.blob_numbers), so that no index holds the key again.
CREATE TABLE blobs (
    id INTEGER PRIMARY KEY,
    tenant INTEGER NOT NULL,
    key BLOB NOT NULL,
    size_octets INTEGER NOT NULL,
    pack INTEGER NOT NULL,
    position INTEGER NOT NULL,
    stored_octets INTEGER NOT NULL,
    encoding INTEGER NOT NULL,
    crc INTEGER NOT NULL
);

-- Who needs a blob: owner is an Email, an upload or a row of the queue; account is 0 for the queue.
CREATE TABLE blob_refs (
    owner INTEGER NOT NULL,
    blob INTEGER NOT NULL,
    tenant INTEGER NOT NULL,
    account INTEGER NOT NULL,
    PRIMARY KEY (owner, blob)
) WITHOUT ROWID;

CREATE TABLE uploads (
    id INTEGER PRIMARY KEY,
    account INTEGER NOT NULL,
    key BLOB NOT NULL,
    size_octets INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    UNIQUE (account, key)
);
