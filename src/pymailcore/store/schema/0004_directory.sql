-- Who exists, what belongs to whom, who may do what: tenants, domains, accounts, addresses, groups, roles, limits,
-- credentials, the audit log. Times are milliseconds since 1970 UTC. JSON columns are lists of text unless told otherwise.

-- ---------------------------------------------------------------- tenants and domains

-- state: active, suspended (nobody signs in, mail is put off), closing (being removed).
CREATE TABLE tenants (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    display TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'active',
    reason TEXT NOT NULL DEFAULT '',
    created_ms INTEGER NOT NULL
);
INSERT INTO tenants (id, name, display, created_ms) VALUES (1, 'default', 'Default', 0);

-- A domain here is verified; claims are those that are not yet. An alias domain has the addresses of another one.
ALTER TABLE domains ADD COLUMN state TEXT NOT NULL DEFAULT 'active';
ALTER TABLE domains ADD COLUMN alias_of INTEGER;
ALTER TABLE domains ADD COLUMN verified_by TEXT NOT NULL DEFAULT 'operator';
CREATE INDEX domains_tenant ON domains (tenant, name);

CREATE TABLE domain_claims (
    tenant INTEGER NOT NULL,
    name TEXT NOT NULL,
    challenge TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (tenant, name)
);

-- ---------------------------------------------------------------- accounts and addresses

-- kind: personal, shared (a role's Mailboxes, nobody signs in as it), resource (a room, a car).
ALTER TABLE accounts ADD COLUMN kind TEXT NOT NULL DEFAULT 'personal';
ALTER TABLE accounts ADD COLUMN state TEXT NOT NULL DEFAULT 'active';
ALTER TABLE accounts ADD COLUMN reason TEXT NOT NULL DEFAULT '';
ALTER TABLE accounts ADD COLUMN send_blocked INTEGER NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN full_name TEXT NOT NULL DEFAULT '';
ALTER TABLE accounts ADD COLUMN domain INTEGER NOT NULL DEFAULT 0;
-- Rises with every change of what lets the account sign in; what was remembered of an older one counts for nothing.
ALTER TABLE accounts ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;
-- What all SCRAM keys of the account are made with, so that several secrets can answer one exchange.
ALTER TABLE accounts ADD COLUMN scram_salt BLOB NOT NULL DEFAULT x'';
-- What stands behind the last '@'.
UPDATE accounts SET domain = COALESCE((SELECT d.id FROM domains d
    WHERE d.name = substr(accounts.name, length(rtrim(accounts.name, replace(accounts.name, '@', ''))) + 1)), 0);
CREATE INDEX accounts_domain ON accounts (domain, name);
CREATE INDEX accounts_tenant ON accounts (tenant, name);

-- addresses.kind: primary, alias, wildcard (address is a pattern with one '*'; looked at when nothing else has the
-- address), group (target_account is NULL, target_address is NULL, group_id names the group).
ALTER TABLE addresses ADD COLUMN domain INTEGER NOT NULL DEFAULT 0;
ALTER TABLE addresses ADD COLUMN group_id INTEGER;
UPDATE addresses SET domain = COALESCE((SELECT d.id FROM domains d
    WHERE d.name = substr(addresses.address,
        length(rtrim(addresses.address, replace(addresses.address, '@', ''))) + 1)), 0);
CREATE INDEX addresses_domain ON addresses (domain, kind, address);

-- A group has an address of its own in `addresses`; who its members are and who may write to it.
-- posting: everyone, tenant (accounts of the tenant), members.
CREATE TABLE groups (
    id INTEGER PRIMARY KEY,
    tenant INTEGER NOT NULL,
    domain INTEGER NOT NULL,
    name TEXT NOT NULL UNIQUE,
    display TEXT NOT NULL,
    posting TEXT NOT NULL DEFAULT 'everyone',
    created_ms INTEGER NOT NULL
);
CREATE INDEX groups_domain ON groups (domain, name);

-- A member is an account here, or any address (account NULL; another group, or somebody elsewhere). address is in
-- the key form, display as it was given.
CREATE TABLE group_members (
    group_id INTEGER NOT NULL,
    address TEXT NOT NULL,
    display TEXT NOT NULL,
    account INTEGER,
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (group_id, address)
);
CREATE INDEX group_members_account ON group_members (account);

-- What an account may write as: kind 'send-as' or 'on-behalf', of an account or a group (by its first address's key).
CREATE TABLE send_rights (
    account INTEGER NOT NULL,
    address TEXT NOT NULL,
    kind TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (account, address)
);
CREATE INDEX send_rights_address ON send_rights (address);

-- Where an account's mail also goes; it keeps a copy unless one of its rows says that it does not.
CREATE TABLE forwards (
    account INTEGER NOT NULL,
    target TEXT NOT NULL,
    keep_copy INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (account, target)
);

-- ---------------------------------------------------------------- roles

-- Roles beside the built-in ones (directory.permissions); tenant 0: of the installation. permissions: JSON.
CREATE TABLE roles (
    id INTEGER PRIMARY KEY,
    tenant INTEGER NOT NULL,
    name TEXT NOT NULL,
    permissions TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    UNIQUE (tenant, name)
);

-- scope: installation (scope_id 0), tenant, domain.
CREATE TABLE role_grants (
    account INTEGER NOT NULL,
    role TEXT NOT NULL,
    scope TEXT NOT NULL,
    scope_id INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (account, role, scope, scope_id)
);
CREATE INDEX role_grants_scope ON role_grants (scope, scope_id);
INSERT INTO role_grants (account, role, scope, scope_id, created_ms)
    SELECT id, 'operator', 'installation', 0, created_ms FROM accounts WHERE admin = 1;
ALTER TABLE accounts DROP COLUMN admin;

-- ---------------------------------------------------------------- limits

-- Beside the quotas of octets, Emails and Mailboxes (accounts.quota_*, quotas): scope tenant, domain or account.
CREATE TABLE limits (
    scope TEXT NOT NULL,
    scope_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    value INTEGER NOT NULL,
    PRIMARY KEY (scope, scope_id, name)
);

-- What was sent in an hour (window_ms 3600000) or a day (86400000) that began then.
CREATE TABLE sent (
    scope TEXT NOT NULL,
    scope_id INTEGER NOT NULL,
    window_ms INTEGER NOT NULL,
    begun_ms INTEGER NOT NULL,
    messages INTEGER NOT NULL,
    recipients INTEGER NOT NULL,
    PRIMARY KEY (scope, scope_id, window_ms, begun_ms)
);

-- ---------------------------------------------------------------- credentials

-- SCRAM keys of an account's password (secret 0) or of one of its application passwords.
CREATE TABLE scram_keys (
    account INTEGER NOT NULL,
    secret INTEGER NOT NULL,
    mechanism TEXT NOT NULL,
    iterations INTEGER NOT NULL,
    stored_key BLOB NOT NULL,
    server_key BLOB NOT NULL,
    PRIMARY KEY (account, secret, mechanism)
);

-- Made here, of 128 random bits or more; digest is a keyed hash. protocols, networks: JSON, empty for all.
CREATE TABLE app_passwords (
    id INTEGER PRIMARY KEY,
    account INTEGER NOT NULL,
    name TEXT NOT NULL,
    digest BLOB NOT NULL UNIQUE,
    protocols TEXT NOT NULL,
    networks TEXT NOT NULL,
    read_only INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER,
    last_used_ms INTEGER,
    last_peer TEXT NOT NULL DEFAULT ''
);
CREATE INDEX app_passwords_account ON app_passwords (account);

-- A key for the API: acts with a role on a scope, on its own or as an account (0 for none).
CREATE TABLE api_keys (
    id INTEGER PRIMARY KEY,
    tenant INTEGER NOT NULL,
    account INTEGER NOT NULL,
    name TEXT NOT NULL,
    digest BLOB NOT NULL UNIQUE,
    role TEXT NOT NULL,
    scope TEXT NOT NULL,
    scope_id INTEGER NOT NULL,
    networks TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER,
    last_used_ms INTEGER,
    last_peer TEXT NOT NULL DEFAULT ''
);
CREATE INDEX api_keys_account ON api_keys (account);

-- What OAUTHBEARER and XOAUTH2 look at; OAuth fills it. scopes: JSON.
CREATE TABLE oauth_tokens (
    digest BLOB PRIMARY KEY,
    account INTEGER NOT NULL,
    client TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL
);
CREATE INDEX oauth_tokens_account ON oauth_tokens (account);

-- Certificates that sign in (EXTERNAL): SHA-256 of the DER form.
CREATE TABLE client_certificates (
    digest BLOB PRIMARY KEY,
    account INTEGER NOT NULL,
    name TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER,
    last_used_ms INTEGER
);
CREATE INDEX client_certificates_account ON client_certificates (account);

-- Second factors. kind totp: secret is sealed, counter the last time step used; kind passkey: secret is the credential's
-- public key, handle its id, counter its signature count; kind recovery: secret is the digest of one code.
CREATE TABLE second_factors (
    id INTEGER PRIMARY KEY,
    account INTEGER NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    handle BLOB UNIQUE,
    secret BLOB NOT NULL,
    counter INTEGER NOT NULL DEFAULT 0,
    confirmed INTEGER NOT NULL DEFAULT 0,
    created_ms INTEGER NOT NULL,
    last_used_ms INTEGER
);
CREATE INDEX second_factors_account ON second_factors (account, kind);

-- How a web session was begun, and with what it may act; mechanism 'password', 'password+totp', 'passkey' …
ALTER TABLE sessions ADD COLUMN mechanism TEXT NOT NULL DEFAULT 'password';
-- When its owner last proved who he is, for changes of credentials.
ALTER TABLE sessions ADD COLUMN proved_ms INTEGER NOT NULL DEFAULT 0;

-- Who signed in from where, one row for each way; times of the first and the last sign-in.
CREATE TABLE sign_ins (
    account INTEGER NOT NULL,
    protocol TEXT NOT NULL,
    mechanism TEXT NOT NULL,
    peer TEXT NOT NULL,
    first_ms INTEGER NOT NULL,
    last_ms INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (account, protocol, mechanism, peer)
);

-- ---------------------------------------------------------------- audit log

-- digest: SHA-256 over the digest before and this record; see directory.audit. subject: what was acted on, as text;
-- old, new: JSON objects of what changed, "" for none.
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY,
    moment_ms INTEGER NOT NULL,
    tenant INTEGER NOT NULL,
    actor TEXT NOT NULL,
    peer TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    old TEXT NOT NULL,
    new TEXT NOT NULL,
    digest BLOB NOT NULL
);
CREATE INDEX audit_tenant ON audit (tenant, seq);
