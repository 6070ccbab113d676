-- What searches and the indexer ask the text index by (text_index.sql has its tables). store.postgres.migrate runs this
-- whenever it is not what it was when it ran last; nothing is lost by that, so what a function is given and what it
-- gives is changed under another name only, and an index is made where it is not there yet.

-- What tells a store from others: fulltext.index_file.mark_of.
CREATE OR REPLACE FUNCTION text_mark() RETURNS text LANGUAGE sql STABLE
    AS 'SELECT encode(sha256(coalesce(string_agg(convert_to(name, ''UTF8'') || ''\x3d''::bytea || value || ''\x0a''::bytea,
            ''''::bytea ORDER BY name COLLATE "C"), ''''::bytea)), ''hex'')
        FROM secrets WHERE name IN (''generation'', ''tenant:1'')';

-- Whether a row has a stretch of a stream. of_texts: 1 body, 2 header, 3 either; of_named: 1 to 5, 6 any of them;
-- 0: not there.
CREATE OR REPLACE FUNCTION text_says(texts text, named text, attached text, stretch text, of_texts int, of_named int, of_attached boolean)
    RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (of_texts > 0 AND strpos(texts, stretch) > 0
            AND (of_texts = 3 OR strpos(split_part(texts, E'\n', of_texts), stretch) > 0))
        OR (of_named = 6 AND strpos(named, stretch) > 0)
        OR (of_named BETWEEN 1 AND 5 AND strpos(split_part(named, E'\n', of_named), stretch) > 0)
        OR (of_attached AND coalesce(strpos(attached, stretch), 0) > 0)
$$;

-- Whether a header has a stretch in the value of a field of the message; the name as the stream has it, with colon.
CREATE OR REPLACE FUNCTION text_says_field(texts text, name text, stretch text) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE COST 1000 AS $$
DECLARE
    header text := split_part(texts, E'\n', 2);
    place int;
BEGIN
    LOOP
        place := strpos(header, E'\x1d' || name);
        IF place = 0 THEN
            RETURN false;
        END IF;
        header := substr(header, place + 1 + length(name));
        IF strpos(ltrim(split_part(split_part(header, E'\x1d', 1), E'\x1c', 1), E'\x1f'), stretch) > 0 THEN
            RETURN true;
        END IF;
    END LOOP;
END $$;

-- Whether a row has, of each of some parts of a question, any stretch. A part is a list: query for lexemes,
-- stretches, where they are, as above, or null and the name of the field that they are in.
CREATE OR REPLACE FUNCTION text_says_all(texts text, named text, attached text, parts jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT NOT EXISTS (
        SELECT 1 FROM jsonb_array_elements(parts) p(part)
        WHERE jsonb_array_length(p.part -> 1) > 0 AND NOT EXISTS (
            SELECT 1 FROM jsonb_array_elements_text(p.part -> 1) s(stretch)
            WHERE CASE WHEN p.part ->> 5 IS NULL
                THEN text_says(texts, named, attached, s.stretch,
                    (p.part ->> 2)::int, (p.part ->> 3)::int, (p.part ->> 4)::boolean)
                ELSE text_says_field(texts, p.part ->> 5, s.stretch) END))
$$;

-- The planner takes a word it has no count of for one in two hundred Emails, and many words for all of them,
-- and would then read tables from end to end. In these functions it cannot, and for whoever calls them a
-- result is some rows, that others are found by key: many rows take longer so, few never do. Were work_mem too
-- small for the rows that an index gives, it would give pages, and all of a page's lexemes were made anew.

-- Emails that have all parts of a question. Of Emails of several rows each part may be in another one of them.
-- A question without any lexeme is put to all of the account.
CREATE OR REPLACE FUNCTION text_found(account_no bigint, question text) RETURNS SETOF bigint
    LANGUAGE plpgsql STABLE ROWS 20 SET enable_seqscan = off SET plan_cache_mode = force_generic_plan
    SET work_mem = '64MB' SET max_parallel_workers_per_gather = 0 AS $$
DECLARE
    parts jsonb := question;
    one jsonb;
    those bigint[];
    cut_found bigint[];
    wanted tsquery;
    said int;
    stretch text;
    of_texts int;
    of_named int;
    of_attached boolean;
    field text;
BEGIN
    SELECT string_agg('(' || (p.part ->> 0) || ')', '&') FILTER (WHERE p.part ->> 0 <> '')::tsquery,
            count(*) FILTER (WHERE jsonb_array_length(p.part -> 1) > 0)
        INTO wanted, said FROM jsonb_array_elements(parts) p(part);
    SELECT p.part -> 1 ->> 0, (p.part ->> 2)::int, (p.part ->> 3)::int, (p.part ->> 4)::boolean, p.part ->> 5
        INTO stretch, of_texts, of_named, of_attached, field
        FROM jsonb_array_elements(parts) p(part) WHERE jsonb_array_length(p.part -> 1) = 1
        ORDER BY p.part ->> 5 NULLS FIRST LIMIT 1;
    IF said = 1 AND stretch IS NOT NULL THEN
        said := 0;  -- that is all
    END IF;
    IF wanted IS NULL THEN
        RETURN QUERY SELECT d.email FROM text_documents d WHERE d.no = account_no AND d.cut = 0
            AND (stretch IS NULL OR field IS NOT NULL
                OR text_says(d.texts, d.named, d.attached, stretch, of_texts, of_named, of_attached))
            AND (field IS NULL OR strpos(d.texts, stretch) > 0 AND text_says_field(d.texts, field, stretch))
            AND (said = 0 OR text_says_all(d.texts, d.named, d.attached, parts));
    ELSIF field IS NOT NULL THEN
        -- What is unpacked once is looked at several times. Most needles are where the value begins.
        RETURN QUERY SELECT h.email FROM (
                SELECT d.email, d.texts, d.named, d.attached, split_part(d.texts, E'\n', 2) AS header FROM text_documents d
                WHERE text_lexemes(d.no, d.texts, d.named, d.attached) @@ wanted AND d.cut = 0 OFFSET 0) h
            WHERE strpos(h.header, stretch) > 0
            AND (strpos(h.header, E'\x1d' || field || ' ' || ltrim(stretch, ' ')) > 0
                OR text_says_field(E'\n' || h.header, field, stretch))
            AND (said = 0 OR text_says_all(h.texts, h.named, h.attached, parts));
    ELSE
        RETURN QUERY SELECT d.email FROM text_documents d
            WHERE text_lexemes(d.no, d.texts, d.named, d.attached) @@ wanted AND d.cut = 0
            AND (stretch IS NULL
                OR text_says(d.texts, d.named, d.attached, stretch, of_texts, of_named, of_attached))
            AND (said = 0 OR text_says_all(d.texts, d.named, d.attached, parts));
    END IF;
    IF EXISTS (SELECT 1 FROM text_documents d WHERE d.no = account_no AND d.cut = 1) THEN
        FOR one IN SELECT p.part FROM jsonb_array_elements(parts) p(part) LOOP
            IF one ->> 0 = '' THEN
                those := ARRAY(SELECT d.email FROM text_documents d WHERE d.no = account_no AND d.cut = 1
                    AND text_says_all(d.texts, d.named, d.attached, jsonb_build_array(one)));
            ELSE
                wanted := one ->> 0;
                those := ARRAY(SELECT d.email FROM text_documents d
                    WHERE text_lexemes(d.no, d.texts, d.named, d.attached) @@ wanted AND d.cut = 1
                    AND text_says_all(d.texts, d.named, d.attached, jsonb_build_array(one)));
            END IF;
            cut_found := ARRAY(SELECT unnest(those) INTERSECT SELECT unnest(coalesce(cut_found, those)));
        END LOOP;
        RETURN QUERY SELECT unnest(cut_found);
    END IF;
END $$;

-- Emails that have any of some lexemes, one query after the other: of an OR all words are looked at for each Email.
CREATE OR REPLACE FUNCTION text_found_any(queries text) RETURNS SETOF bigint
    LANGUAGE plpgsql STABLE ROWS 20 SET enable_seqscan = off SET plan_cache_mode = force_generic_plan
    SET work_mem = '64MB' SET max_parallel_workers_per_gather = 0 AS $$
DECLARE
    wanted tsquery;
BEGIN
    FOR wanted IN SELECT q.query::tsquery FROM jsonb_array_elements_text(queries::jsonb) q(query) LOOP
        RETURN QUERY SELECT d.email FROM text_documents d
            WHERE text_lexemes(d.no, d.texts, d.named, d.attached) @@ wanted;
    END LOOP;
END $$;

-- Emails of an account that changed after a modseq and are not in the index, and those that could not be read.
CREATE OR REPLACE FUNCTION text_tail(owner bigint, after_modseq bigint, account_no bigint, most bigint) RETURNS SETOF bigint
    LANGUAGE sql STABLE ROWS 10
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
    SELECT e.id FROM emails e WHERE e.account = owner AND e.changed_modseq > after_modseq
        AND NOT EXISTS (SELECT 1 FROM text_documents d WHERE d.email = e.id AND d.no = account_no)
    UNION ALL SELECT u.email FROM text_unread u WHERE u.no = account_no
    LIMIT most
$$;

-- Chunks of words that may have a part: by their grams, where there are any, or by looking at all of them.
CREATE OR REPLACE FUNCTION text_chunks(account_no bigint, wanted text[], part text, most bigint) RETURNS SETOF text
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

-- A number for each word of a chunk, and of its account.
CREATE OR REPLACE FUNCTION text_word_hashes(no bigint, words text) RETURNS bigint[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT COST 100000 AS $$
    SELECT array_agg(hashtextextended(no::text || ' ' || split_part(w.line, E'\x1f', 1), 0))
        FROM unnest(string_to_array(btrim(words, E'\n'), E'\n')) w(line)
$$;

-- A word is looked up in all of an account in some microseconds, however many there are; for that nothing may be pending.
CREATE INDEX IF NOT EXISTS text_terms_hashes ON text_terms
    USING gin (text_word_hashes(no, words)) WITH (fastupdate = off) WHERE chunk > 0;

-- Those of some words that are no words of the account yet. OFFSET 0: each is looked up by itself, and no join
-- goes through all chunks; `no + 0`: nor does an index that has the account's.
CREATE OR REPLACE FUNCTION text_unknown_words(account_no bigint, given text[]) RETURNS SETOF text
    LANGUAGE sql STABLE ROWS 100 SET enable_seqscan = off AS $$
    SELECT g.word FROM unnest(given) AS g(word)
    WHERE NOT EXISTS (SELECT 1 FROM text_terms t WHERE t.chunk > 0 AND t.no + 0 = account_no
            AND text_word_hashes(t.no, t.words) @> ARRAY[hashtextextended(account_no::text || ' ' || g.word, 0)]
            AND (strpos(t.words, E'\n' || g.word || E'\n') > 0 OR strpos(t.words, E'\n' || g.word || E'\x1f') > 0)
            OFFSET 0)
        AND NOT EXISTS (SELECT 1 FROM text_terms t WHERE t.no = account_no AND t.chunk = 0
            AND (strpos(t.words, E'\n' || g.word || E'\n') > 0 OR strpos(t.words, E'\n' || g.word || E'\x1f') > 0)
            OFFSET 0)
$$;
