-- The full-text index on PostgreSQL (store.postgres.text_index says what is in it). Only what any user may
-- have: no extensions. Nothing of it is in a backup or is moved to another engine: it is made of the mail.
-- store.postgres.migrate runs this whenever the comment on text_generations is another one than here, whatever is there,
-- and then text_functions.sql.

DROP TABLE IF EXISTS text_generations, text_accounts, text_documents, text_unread, text_terms CASCADE;
DROP FUNCTION IF EXISTS text_lexemes, text_says, text_says_field, text_says_all, text_mark, text_found, text_found_any, text_has, text_tail,
    text_chunks, text_new_words, text_unknown_words, text_word_hashes CASCADE;

-- An index; one that is built beside the one in use is not current until it is whole.
CREATE TABLE text_generations (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    format TEXT COLLATE "C" NOT NULL,
    mark TEXT COLLATE "C" NOT NULL,
    current BIGINT NOT NULL
);
CREATE UNIQUE INDEX text_generations_current ON text_generations (current) WHERE current = 1;
COMMENT ON TABLE text_generations IS 'text index 2';

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

-- The texts of an Email as streams of tokens, a blank before and behind each: a row, or several where there are
-- too many tokens for one (cut = 1), which overlap. Texts that are kept together have a line's end between them.
-- texts: body, header. named: Subject, From, To, Cc, Bcc. attached: names and text of attachments; whole: the
-- same as it reads, where the stream does not say where in a long word its pieces are.
-- Most searches need only which Emails there are, so that texts lie apart, and `named` beside the Email.
CREATE TABLE text_documents (
    email BIGINT NOT NULL,
    no BIGINT NOT NULL,
    piece BIGINT NOT NULL,
    cut BIGINT NOT NULL,
    texts TEXT COLLATE "C" NOT NULL,
    named TEXT COLLATE "C" NOT NULL,
    attached TEXT COLLATE "C",
    whole TEXT COLLATE "C",
    PRIMARY KEY (email, no, piece)
) WITH (toast_tuple_target = 512);
ALTER TABLE text_documents ALTER named SET STORAGE MAIN;
DO $$ BEGIN
    ALTER TABLE text_documents ALTER texts SET COMPRESSION lz4, ALTER named SET COMPRESSION lz4,
        ALTER attached SET COMPRESSION lz4, ALTER whole SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN NULL;  -- pglz is slower, and does as well
END $$;

-- The lexemes of a row: number of the account, letter of the text, token. The cost is to keep the planner from
-- making them anew: the index has them.
CREATE FUNCTION text_lexemes(no bigint, texts text, named text, attached text) RETURNS tsvector
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE COST 100000 AS $$
BEGIN
    RETURN array_to_tsvector(string_to_array(substr(
        replace(rtrim(split_part(texts, E'\n', 1), ' '), ' ', ' ' || no::text || 'b')
        || replace(rtrim(split_part(texts, E'\n', 2), ' '), ' ', ' ' || no::text || 'h')
        || replace(rtrim(split_part(named, E'\n', 1), ' '), ' ', ' ' || no::text || 's')
        || replace(rtrim(split_part(named, E'\n', 2), ' '), ' ', ' ' || no::text || 'f')
        || replace(rtrim(split_part(named, E'\n', 3), ' '), ' ', ' ' || no::text || 't')
        || replace(rtrim(split_part(named, E'\n', 4), ' '), ' ', ' ' || no::text || 'c')
        || replace(rtrim(split_part(named, E'\n', 5), ' '), ' ', ' ' || no::text || 'z')
        || replace(rtrim(coalesce(attached, ''), ' '), ' ', ' ' || no::text || 'a'), 2), ' '));
END $$;
CREATE INDEX text_documents_lexemes ON text_documents
    USING gin (text_lexemes(no, texts, named, attached)) WITH (fastupdate = on);
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
