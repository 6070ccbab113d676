-- Row-level security: a transaction reaches the rows of the tenant that it was begun for, whatever its statements
-- ask for. What it may touch is the setting pymailcore.reach (store.postgres.reach):
--   '*/*'                everything: the server's own work, and operators
--   '<tenant>/<account>' the rows of that tenant; most of them will be of that account
-- Connections of the server begin with numbers that nobody has. Where the setting is not known, everything is
-- reached: that is psql, and a server of schema 7, which has been running since before this one came (it knows
-- nothing of policies, and shares the database during an upgrade).
--
-- A policy is one expression for a row. The setting is read once a statement, by an uncorrelated subquery, which is
-- NULL for everything; it is written out here, because most statements that write are planned each time, and a
-- function would be looked into each time. What is put in is few rows, for which no subquery is worth its plan.
-- Whose an account is beside the own one is asked of `accounts` for each row, which is rare. IS NOT NULL around all
-- has the planner expect that nearly all rows pass, so that plans are those without a policy.

-- 1 for an account of the tenant, else NULL. Asked only about accounts that are not the first one.
CREATE FUNCTION pymailcore_reaches(bigint) RETURNS bigint LANGUAGE plpgsql STABLE PARALLEL SAFE COST 10 AS $$
BEGIN
    RETURN (SELECT 1 FROM accounts a WHERE a.id = $1
        AND a.tenant = nullif(split_part(current_setting('pymailcore.reach', true), '/', 1), '*')::bigint);
END $$;

DO $$
DECLARE
    the_account CONSTANT text := 'nullif(split_part(current_setting(''pymailcore.reach'', true), ''/'', 2), ''*'')::bigint';
    the_tenant CONSTANT text := 'nullif(split_part(current_setting(''pymailcore.reach'', true), ''/'', 1), ''*'')::bigint';
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'app_passwords', 'client_certificates', 'correspondents', 'credentials', 'emails', 'forwards', 'identities',
        'imports', 'kept_emails', 'kept_mailboxes', 'mailboxes', 'oauth_tokens', 'presences', 'restored_emails',
        'role_grants', 'scram_keys', 'second_factors', 'send_rights', 'sending_blocks', 'sessions', 'sign_ins',
        'submissions', 'uploads'
    ] LOOP
        EXECUTE format('CREATE POLICY reach ON %1$I USING ((CASE WHEN account = coalesce((SELECT %2$s), account) THEN 1'
            ' ELSE pymailcore_reaches(account) END) IS NOT NULL) WITH CHECK ((CASE WHEN account = coalesce(%2$s, account)'
            ' THEN 1 ELSE pymailcore_reaches(account) END) IS NOT NULL)', name, the_account);
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
    END LOOP;
    -- What a tenant shares is kept under its number, negative.
    FOREACH name IN ARRAY ARRAY['annotations'] LOOP
        EXECUTE format('CREATE POLICY reach ON %I USING ((CASE WHEN account = coalesce((SELECT %s), account) THEN 1'
            ' WHEN account = -(SELECT %s) THEN 1 ELSE pymailcore_reaches(account) END) IS NOT NULL)',
            name, the_account, the_tenant);
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY[
        'api_keys', 'blob_refs', 'domain_claims', 'queue_messages', 'sealing_keys', 'tenant_octets'
    ] LOOP
        EXECUTE format('CREATE POLICY reach ON %1$I USING ((CASE WHEN tenant = coalesce((SELECT %2$s), tenant) THEN 1'
            ' END) IS NOT NULL) WITH CHECK (tenant = coalesce(%2$s, tenant))', name, the_tenant);
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
    END LOOP;
END $$;
