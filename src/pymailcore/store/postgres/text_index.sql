-- The full-text index on PostgreSQL (store.postgres.text_index says what is in it). Only what any user may
-- have: no extensions. Nothing of it is in a backup or is moved to another engine: it is made of the mail.

-- An index; one that is built beside the one in use is not current until it is whole.
CREATE TABLE text_generations (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    format TEXT COLLATE "C" NOT NULL,
    mark TEXT COLLATE "C" NOT NULL,
    current BIGINT NOT NULL
);
CREATE UNIQUE INDEX text_generations_current ON text_generations (current) WHERE current = 1;

-- An account of an index. `no` is never used again, and is part of every word and every three characters.
CREATE TABLE text_accounts (
    no BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    generation BIGINT NOT NULL,
    account BIGINT NOT NULL,
    modseq BIGINT NOT NULL DEFAULT 0,
    next_chunk BIGINT NOT NULL DEFAULT 1,
    documents BIGINT NOT NULL DEFAULT 0,
    gone BIGINT NOT NULL DEFAULT 0,
    UNIQUE (account, generation)
);

-- The words of an Email: a row, or several where there are too many for one (cut = 1). attached: the normal
-- text of its attachments, which nobody wants to take out of them a second time.
CREATE TABLE text_documents (
    email BIGINT NOT NULL,
    no BIGINT NOT NULL,
    piece BIGINT NOT NULL,
    cut BIGINT NOT NULL,
    lexemes TSVECTOR NOT NULL,
    attached TEXT COLLATE "C",
    PRIMARY KEY (email, no, piece)
);
CREATE INDEX text_documents_lexemes ON text_documents USING gin (lexemes) WITH (fastupdate = on);
CREATE INDEX text_documents_no ON text_documents (no);
CREATE INDEX text_documents_cut ON text_documents (no) WHERE cut = 1;

-- Emails that could not be read.
CREATE TABLE text_unread (
    email BIGINT NOT NULL,
    no BIGINT NOT NULL,
    PRIMARY KEY (no, email)
);

-- The words of an account, some to a chunk; chunk 0 is open and has no grams.
CREATE TABLE text_terms (
    no BIGINT NOT NULL,
    chunk BIGINT NOT NULL,
    words TEXT COLLATE "C" NOT NULL,
    grams TEXT[] COLLATE "C" NOT NULL,
    PRIMARY KEY (no, chunk)
);
CREATE INDEX text_terms_grams ON text_terms USING gin (grams) WITH (fastupdate = on);

-- What tells a store from others: fulltext.index_file.mark_of.
CREATE FUNCTION text_mark() RETURNS text LANGUAGE sql STABLE
    AS 'SELECT encode(sha256(coalesce(string_agg(convert_to(name, ''UTF8'') || ''\x3d''::bytea || value || ''\x0a''::bytea,
            ''''::bytea ORDER BY name COLLATE "C"), ''''::bytea)), ''hex'')
        FROM secrets WHERE name IN (''generation'', ''tenant:1'')';

-- The planner takes a word it has no count of for one in two hundred Emails, and many words for all of them,
-- and would then read tables from end to end. In these functions it cannot, and for whoever calls them a
-- result is some rows, that others are found by key: many rows take longer so, few never do.

-- Emails with what a query asks for. Of Emails of several rows each clause may be in another one of them.
CREATE FUNCTION text_found(account_no bigint, whole text, clauses text) RETURNS SETOF bigint
    LANGUAGE plpgsql STABLE ROWS 20 SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    wanted tsquery := whole;
BEGIN
    RETURN QUERY SELECT d.email FROM text_documents d WHERE d.lexemes @@ wanted AND d.cut = 0;
    IF EXISTS (SELECT 1 FROM text_documents d WHERE d.no = account_no AND d.cut = 1) THEN
        RETURN QUERY
            SELECT d.email FROM text_documents d, jsonb_array_elements_text(clauses::jsonb) WITH ORDINALITY c(clause, n)
            WHERE d.no = account_no AND d.cut = 1 AND d.lexemes @@ c.clause::tsquery
            GROUP BY d.email HAVING count(DISTINCT c.n) = jsonb_array_length(clauses::jsonb);
    END IF;
END $$;

-- Emails that have any of some clauses, one after the other: of an OR all words are looked at for each Email.
CREATE FUNCTION text_found_any(clauses text) RETURNS SETOF bigint
    LANGUAGE plpgsql STABLE ROWS 20 SET enable_seqscan = off AS $$
DECLARE
    wanted tsquery;
BEGIN
    FOR wanted IN SELECT c.clause::tsquery FROM jsonb_array_elements_text(clauses::jsonb) c(clause) LOOP
        RETURN QUERY SELECT d.email FROM text_documents d WHERE d.lexemes @@ wanted;
    END LOOP;
END $$;

-- Whether one Email has it.
CREATE FUNCTION text_has(one bigint, whole text, clauses text) RETURNS boolean
    LANGUAGE plpgsql STABLE SET enable_seqscan = off SET enable_bitmapscan = off
    SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    wanted tsquery := whole;
BEGIN
    IF EXISTS (SELECT 1 FROM text_documents d WHERE d.email = one AND d.cut = 1) THEN
        RETURN NOT EXISTS (
            SELECT 1 FROM jsonb_array_elements_text(clauses::jsonb) c(clause)
            WHERE NOT EXISTS (
                SELECT 1 FROM text_documents d WHERE d.email = one AND d.lexemes @@ c.clause::tsquery));
    END IF;
    RETURN EXISTS (SELECT 1 FROM text_documents d WHERE d.email = one AND d.lexemes @@ wanted);
END $$;

-- Emails of an account that changed after a modseq and are not in the index, and those that could not be read.
CREATE FUNCTION text_tail(owner bigint, after_modseq bigint, account_no bigint, most bigint) RETURNS SETOF bigint
    LANGUAGE sql STABLE ROWS 10
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
    SELECT e.id FROM emails e WHERE e.account = owner AND e.changed_modseq > after_modseq
        AND NOT EXISTS (SELECT 1 FROM text_documents d WHERE d.email = e.id AND d.no = account_no)
    UNION ALL SELECT u.email FROM text_unread u WHERE u.no = account_no
    LIMIT most
$$;

-- Chunks of words that may have a part: by their grams, where there are any, or by looking at all of them.
CREATE FUNCTION text_chunks(account_no bigint, wanted text[], part text, most bigint) RETURNS SETOF text
    LANGUAGE plpgsql STABLE ROWS 10 SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    IF wanted IS NULL THEN
        RETURN QUERY SELECT t.words FROM text_terms t WHERE t.no = account_no AND strpos(t.words, part) > 0 LIMIT most;
    ELSE
        RETURN QUERY SELECT t.words FROM text_terms t WHERE t.grams @> wanted AND strpos(t.words, part) > 0;
        RETURN QUERY SELECT t.words FROM text_terms t
            WHERE t.no = account_no AND t.chunk = 0 AND strpos(t.words, part) > 0;
    END IF;
END $$;

-- Those of some words that are no words of the account yet; `grams` has theirs, parted by spaces.
CREATE FUNCTION text_new_words(account_no bigint, given text[], their_grams text[]) RETURNS SETOF text
    LANGUAGE sql STABLE ROWS 100 SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
    SELECT g.word FROM unnest(given, their_grams) AS g(word, grams)
    WHERE NOT EXISTS (SELECT 1 FROM text_terms t WHERE t.grams @> string_to_array(g.grams, ' ')
            AND (strpos(t.words, E'\n' || g.word || E'\n') > 0 OR strpos(t.words, E'\n' || g.word || E'\x1f') > 0))
        AND NOT EXISTS (SELECT 1 FROM text_terms t WHERE t.no = account_no AND t.chunk = 0
            AND (strpos(t.words, E'\n' || g.word || E'\n') > 0 OR strpos(t.words, E'\n' || g.word || E'\x1f') > 0))
$$;
