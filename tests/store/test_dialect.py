"""dialect: one text of SQL for both engines."""

import tracemalloc

import pytest

from pymailcore.store import dialect as dialects
from pymailcore.store.dialect import (
    Dialect,
    kinds_of,
    kinds_of_rows,
    quote,
    translate,
    translate_schema,
)
from pymailcore.store.migrate import migrations


@pytest.mark.parametrize(
    ("sql", "args", "text", "given"),
    [
        ("SELECT ?1, ?2, ?1", (1, "a"), "SELECT $1::bigint, $2::text, $1::bigint", [1, "a"]),
        ("SELECT ?2", (1, b"x"), "SELECT $1::bytea", [b"x"]),
        ("SELECT ?1 = ?2", (None, 2.5), "SELECT NULL = $1::double precision", [2.5]),
        ("a IN (SELECT value FROM json_each(?1))", ("[1,2]",), "a = ANY($1::bigint[])", [[1, 2]]),
        ("a NOT IN (SELECT value FROM json_each(?1))", ("[]",), "a <> ALL($1::bigint[])", [[]]),
        (
            "a IN (SELECT value FROM json_each(?1 /*text*/))",
            ('["x"]',),
            "a = ANY($1::text[])",
            [["x"]],
        ),
        (
            "(?1 IS NULL OR a IN (SELECT value FROM json_each(?1))) AND b = ?2",
            (None, 1),
            "(NULL IS NULL OR a = ANY(NULL::bigint[])) AND b = $1::bigint",
            [1],
        ),
        (
            "(?1 IS NULL OR a IN (SELECT value FROM json_each(?1)))",
            ("[7]",),
            "($2::text IS NULL OR a = ANY($1::bigint[]))",
            [[7], "[7]"],
        ),
        (
            "FROM json_each(?1) r WHERE json_extract(r.value, '$[1]') = 2",
            ("[[1,2]]",),
            "FROM jsonb_array_elements($1::text::jsonb) AS r(value) WHERE (r.value->>1)::bigint = 2",
            ["[[1,2]]"],
        ),
        ("SELECT json_group_array(uid)", (), "SELECT coalesce(json_agg(uid)::text, '[]')", []),
        ("a CROSS JOIN b x ON x.i = a.i", (), "a JOIN b x ON x.i = a.i", []),
        ("a CROSS JOIN b", (), "a CROSS JOIN b", []),
        ("SELECT x'00fF'", (), "SELECT '\\x00fF'::bytea", []),
        ("SELECT 1 /*lock*/", (), "SELECT 1 FOR UPDATE", []),
        ("SELECT 1 /*share*/", (), "SELECT 1 FOR KEY SHARE", []),
    ],
)
def test_a_statement_is_translated(
    sql: str, args: tuple[object, ...], text: str, given: list[object]
) -> None:
    translated = translate(sql, kinds_of(args))
    assert (translated.text, translated.arguments(args)) == (text, given)


def test_a_statement_is_translated_once_for_each_pattern_of_types() -> None:
    dialect = Dialect()
    one = dialect.translate("SELECT ?1", "i")
    assert dialect.translate("SELECT ?1", "i") is one
    assert dialect.translate("SELECT ?1", "n").text == "SELECT NULL"


def test_a_column_that_is_none_in_some_rows_has_the_type_of_the_others() -> None:
    assert kinds_of_rows([(1, None, None), (2, "a", None)]) == "isn"
    assert kinds_of_rows([]) == ""


def test_what_sql_does_not_know_is_no_argument() -> None:
    assert kinds_of([True, type("Id", (int,), {})(4)]) == "ii"
    with pytest.raises(TypeError):
        kinds_of([object()])


def test_the_schema_has_no_word_of_sqlite_left() -> None:
    for _, sql in migrations():
        text = translate_schema(sql)
        for word in ("INTEGER", "BLOB", "ROWID", "--"):
            assert word not in text, word
    assert translate_schema("CREATE TABLE t (a TEXT, b INTEGER) WITHOUT ROWID; -- x") == (
        'CREATE TABLE t (a TEXT COLLATE "C", b BIGINT); '
    )


@pytest.mark.parametrize(
    ("value", "literal"),
    [
        (None, "NULL"),
        (-7, "'-7'"),
        (True, "'1'"),
        (0.5, "'0.5'"),
        ("it's \\", "'it''s \\'"),
        (b"\x00'", "'\\x0027'"),
    ],
)
def test_a_value_is_written_as_a_literal(value: object, literal: str) -> None:
    assert quote(value) == literal


def test_arguments_are_written_into_a_statement_by_their_places() -> None:
    args = ("$1::bigint ?2", 5, None, "$1::bigint ?2")
    translated = translate("SELECT ?2, ?1, ?3, ?4, ?2", kinds_of(args))
    assert translated.literal(args) == (
        "SELECT '5'::bigint, '$1::bigint ?2'::text, NULL, '$1::bigint ?2'::text, '5'::bigint"
    )


def test_what_cannot_be_written_is_refused() -> None:
    with pytest.raises(ValueError, match="NUL"):
        quote("a\0")
    with pytest.raises(TypeError):
        quote([])


def test_what_is_kept_of_statements_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """P6: searches with other ranges are other statements."""
    monkeypatch.setattr(dialects, "MOST_KEPT", 50)
    dialect = Dialect()
    before = None
    tracemalloc.start()
    try:
        for n in range(400):
            if n == 200:
                before, _ = tracemalloc.get_traced_memory()
            sql = f"SELECT uid FROM placements WHERE uid BETWEEN {n} AND {n + 1} AND mailbox = ?1"  # noqa: S608
            assert dialect.translate(sql, "i").text.endswith("$1::bigint")
            assert "placements" in dialect.words(sql)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert before is not None
    assert after < before + 50_000
