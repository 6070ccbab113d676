-- What SQLite has built in and statements of both engines use, and the table by which a lost COMMIT is settled.

CREATE FUNCTION max(bigint, bigint) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS 'SELECT CASE WHEN $1 IS NULL OR $2 IS NULL THEN NULL WHEN $1 >= $2 THEN $1 ELSE $2 END';
CREATE FUNCTION min(bigint, bigint) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS 'SELECT CASE WHEN $1 IS NULL OR $2 IS NULL THEN NULL WHEN $1 <= $2 THEN $1 ELSE $2 END';
CREATE FUNCTION instr(text, text) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS 'SELECT strpos($1 COLLATE "C", $2 COLLATE "C")::bigint';
CREATE FUNCTION substr(text, bigint) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS 'SELECT substr($1, $2::integer)';
CREATE FUNCTION substr(text, bigint, bigint) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS 'SELECT substr($1, $2::integer, $3::integer)';
CREATE FUNCTION hex(bytea) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS 'SELECT upper(encode($1, ''hex''))';
CREATE FUNCTION total_add(bigint, bigint) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS 'SELECT $1 + coalesce($2, 0)';
CREATE AGGREGATE total(bigint) (SFUNC = total_add, STYPE = bigint, INITCOND = '0');

-- A row for each write operation of the last hour, in the transaction of which it is part.
CREATE TABLE operations (
    id BYTEA PRIMARY KEY,
    attempt BIGINT NOT NULL,
    made_ms BIGINT NOT NULL
);
CREATE INDEX operations_made ON operations (made_ms);
