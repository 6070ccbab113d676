import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.imap.protocol import commands as c
from pymailcore.imap.protocol.append_grammar import NewMessage
from pymailcore.imap.protocol.fetch_items import Attribute
from pymailcore.imap.protocol.fetch_modifiers import FetchModifiers
from pymailcore.imap.protocol.flags import Flags
from pymailcore.imap.protocol.grammar import MAX_ID_PAIRS, parse_command
from pymailcore.imap.protocol.scanner import BadCommand, Scanner
from pymailcore.imap.protocol.search_grammar import UnknownCharset
from pymailcore.imap.protocol.search_keys import All, HasKeyword, Without
from pymailcore.imap.protocol.search_options import PartialRange, ReturnOptions
from pymailcore.imap.protocol.select_options import SelectOptions
from pymailcore.imap.protocol.sequence import SequenceSet
from pymailcore.imap.protocol.sort_grammar import SortCriterion, SortKey, ThreadAlgorithm
from pymailcore.imap.protocol.status_items import StatusItem
from pymailcore.imap.protocol.words import MAX_FLAGS

ONE = SequenceSet(((1, 1),))


def parse(*pieces: bytes) -> c.Command:
    return parse_command(Scanner([b" " + pieces[0], *pieces[1:]]))


@pytest.mark.parametrize(
    ("line", "command"),
    [
        (b"CAPABILITY", c.Capability()),
        (b"noop", c.Noop()),
        (b"NOOP ", c.Noop()),
        (b"LOGOUT", c.Logout()),
        (b"STARTTLS", c.StartTls()),
        (b"ID NIL", c.Id(())),
        (b'ID ("name" "x" "version" NIL)', c.Id((("name", "x"), ("version", "")))),
        (b"ID ()", c.Id(())),
        (b'LOGIN anna@example.test "p w"', c.Login("anna@example.test", "p w")),
        (b"LOGIN a ]", c.Login("a", "]")),
        (b"AUTHENTICATE plain", c.Authenticate("PLAIN")),
        (b"AUTHENTICATE PLAIN =", c.Authenticate("PLAIN", b"")),
        (b"AUTHENTICATE PLAIN AGEAYg==", c.Authenticate("PLAIN", b"\0a\0b")),
        (b"ENABLE condstore X", c.Enable(("CONDSTORE", "X"))),
        (b"NAMESPACE", c.Namespace()),
        (b"IDLE", c.Idle()),
        (b"SELECT inbox", c.Select("inbox")),
        (b'EXAMINE "a b"', c.Select("a b", read_only=True)),
        (b"CREATE a/", c.Create("a/")),
        (b"DELETE Entw&APw-rfe", c.Delete("Entwürfe")),
        (b"RENAME a b", c.Rename("a", "b")),
        (b"SUBSCRIBE a", c.Subscribe("a")),
        (b"UNSUBSCRIBE a", c.Subscribe("a", subscribed=False)),
        (b"CREATE a (USE (\\Drafts \\SENT \\drafts))", c.Create("a", (b"\\drafts", b"\\sent"))),
        (b"CREATE a (USE ())", c.Create("a")),
        (b'LIST "" *', c.List("", ("*",))),
        (b'LIST "" "%"', c.List("", ("%",))),
        (b"LSUB a/ %", c.Lsub("a/", "%")),
        (b'XLIST "" %', c.Xlist("", "%")),
        (b"STATUS a (MESSAGES unseen)", c.StatusOf("a", (StatusItem.MESSAGES, StatusItem.UNSEEN))),
        (b"CHECK", c.Check()),
        (b"CLOSE", c.Close()),
        (b"UNSELECT", c.Close(expunge=False)),
        (b"EXPUNGE", c.Expunge()),
        (b"UID EXPUNGE 1", c.Expunge(ONE)),
        (b"SEARCH UNSEEN", c.Search(Without(HasKeyword("$seen")))),
        (b"uid search SEEN", c.Search(HasKeyword("$seen"), uid=True)),
        (b"FETCH 1 FLAGS", c.Fetch(ONE, (Attribute.FLAGS,))),
        (b"UID FETCH 1 UID", c.Fetch(ONE, (Attribute.UID,), uid=True)),
        (
            b"UID FETCH 1 SAVEDATE (PARTIAL -1:-3)",
            c.Fetch(
                ONE, (Attribute.SAVEDATE,), uid=True, modifiers=FetchModifiers(PartialRange(-1, -3, b"-1:-3"))
            ),
        ),
        (b"FETCH $ UID", c.Fetch(SequenceSet((), saved=True), (Attribute.UID,))),
        (b"UID SEARCH RETURN (COUNT) ALL", c.Search(All(), uid=True, options=ReturnOptions(count=True))),
        (b"SORT (DATE) UTF-8 ALL", c.Sort((SortCriterion(SortKey.DATE),), All())),
        (
            b"UID SORT RETURN (MAX) (REVERSE TO) US-ASCII ALL",
            c.Sort(
                (SortCriterion(SortKey.TO, reverse=True),), All(), uid=True, options=ReturnOptions(max=True)
            ),
        ),
        (b"THREAD REFERENCES UTF-8 ALL", c.Thread(ThreadAlgorithm.REFERENCES, All())),
        (b"UID THREAD orderedsubject UTF-8 ALL", c.Thread(ThreadAlgorithm.ORDERED_SUBJECT, All(), uid=True)),
        (b'SEARCH RETURN (SAVE) CHARSET X-X TEXT "x" (', c.CannotSearch()),
        (b"UID SORT RETURN (SAVE MIN) (DATE) X-X ALL", c.CannotSearch(uid=True)),
        (b"SELECT a (CONDSTORE)", c.Select("a", options=SelectOptions(condstore=True))),
        (b"EXAMINE a (CONDSTORE)", c.Select("a", read_only=True, options=SelectOptions(condstore=True))),
        (
            b"FETCH 1 UID (CHANGEDSINCE 7)",
            c.Fetch(ONE, (Attribute.UID,), modifiers=FetchModifiers(changed_since=7)),
        ),
        (b"STORE 1 (UNCHANGEDSINCE 7) FLAGS ()", c.StoreFlags(ONE, "=", Flags(), unchanged_since=7)),
        (b"STORE 1 +FLAGS (\\Seen)", c.StoreFlags(ONE, "+", Flags(("$seen",)))),
        (b"STORE 1 -flags.silent \\Seen x", c.StoreFlags(ONE, "-", Flags(("$seen", "x")), silent=True)),
        (b"UID STORE 1 FLAGS ()", c.StoreFlags(ONE, "=", Flags(), uid=True)),
        (b"COPY 1 a", c.Copy(ONE, "a")),
        (b"UID COPY 1 a", c.Copy(ONE, "a", uid=True)),
        (b"MOVE 1 a", c.Copy(ONE, "a", move=True)),
        (b"UID MOVE 1 a", c.Copy(ONE, "a", uid=True, move=True)),
    ],
)
def test_every_command_has_its_value(line: bytes, command: c.Command) -> None:
    """RFC 3501 section 9 and the extensions."""
    assert parse(line) == command


def test_append_with_all_its_arguments() -> None:
    """RFC 3501 section 6.3.11."""
    assert parse(
        b"APPEND ", b"box", b' (\\Seen \\Deleted) " 1-Jan-1970 00:00:01 +0000" ', b"octets", b""
    ) == c.Append("box", (NewMessage(Flags(("$seen",), deleted=True), 1000, (b"octets",)),))
    one = NewMessage(Flags(), None, (b"octets",))
    assert parse(b"APPEND box ", b"octets", b"") == c.Append("box", (one,))
    assert parse(b"APPEND box ", b"octets", b" ", b"octets", b" ") == c.Append("box", (one, one))
    assert parse(b"REPLACE * box ", b"octets", b"") == c.Replace(SequenceSet(((0, 0),)), "box", one)
    assert parse(b"UID REPLACE 1 box ", b"octets", b"") == c.Replace(ONE, "box", one, uid=True)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"X",
        b"NOOP x",
        b"LOGIN",
        b"LOGIN a",
        b"LOGIN a b c",
        b"LOGIN  a b",
        b'LOGIN "a b',
        b"LOGIN \xff b",
        b'LOGIN "\xff" b',
        b"AUTHENTICATE",
        b"AUTHENTICATE PLAIN !",
        b"ENABLE",
        b"ID",
        b"ID x",
        b'ID ("a")',
        b'ID ("a" "b"',
        b'ID ("' + b"n" * 31 + b'" NIL)',
        b"SELECT",
        b"SELECT a (CONDSTORE",
        b"SELECT a (X)",
        b"SELECT &",
        b"CREATE a (USE)",
        b"CREATE a (USE (",
        b"CREATE a ()",
        b"CREATE a (USE () USE ())",
        b"CREATE a (SIZE (1))",
        b'XLIST (SUBSCRIBED) "" *',
        b'LSUB "" (a b)',
        b"STATUS a",
        b"STATUS a ()",
        b"STATUS a (SIZES)",
        b"STATUS a (MESSAGES",
        b"APPEND a (\\Seen",
        b"APPEND a (\\Recent) ",
        b'APPEND a "1-Jan-1970 00:00:01 +0000" ',
        b"APPEND a b",
        b"REPLACE 1:2 a ",
        b"REPLACE $ a ",
        b"REPLACE 1 a",
        b"FETCH 1",
        b"FETCH x FLAGS",
        b"FETCH 0 FLAGS",
        b"STORE 1 FLAGS",
        b"STORE 1 *FLAGS (x)",
        b"STORE 1 FLAGS (\\Recent)",
        b"STORE 1 FLAGS (x y",
        b"FETCH 1 UID (PARTIAL 1:2)",
        b"UID FETCH 1 UID (PARTIAL 1:2",
        b"UID FETCH 1 UID (CHANGEDSINCE)",
        b"FETCH 1 UID (VANISHED)",
        b"STORE 1 (UNCHANGEDSINCE) FLAGS (x)",
        b"STORE 1 (UNCHANGEDSINCE 1)",
        b"SORT DATE UTF-8 ALL",
        b"SORT (DATE) UTF-8",
        b"SORT (RELEVANCY) UTF-8 ALL",
        b"SEARCH RETURN (RELEVANCY) ALL",
        b"THREAD X UTF-8 ALL",
        b"THREAD REFERENCES",
        b"UID NOOP",
        b"UID",
        b"EXPUNGE 1",
        b"COPY 1",
    ],
)
def test_what_breaks_the_grammar_is_refused(line: bytes) -> None:
    """RFC 3501 section 7.1.3."""
    with pytest.raises(BadCommand) as fault:
        parse(line)
    assert str(fault.value)
    assert set(str(fault.value)) <= set(string.printable)


def test_passwords_do_not_show() -> None:
    """A command may be logged."""
    assert "secret" not in repr(parse(b"LOGIN a secret"))
    assert "octets" not in repr(parse(b"APPEND a ", b"octets of a message", b""))


@pytest.mark.parametrize(
    ("count", "fits"), [(MAX_FLAGS - 1, True), (MAX_FLAGS, True), (MAX_FLAGS + 1, False)]
)
@pytest.mark.parametrize("form", [b"STORE 1 FLAGS (%b)", b"STORE 1 FLAGS %b"])
def test_flags_are_counted(form: bytes, count: int, fits: bool) -> None:
    """I1."""
    line = form % b" ".join([b"x"] * count)
    if fits:
        assert parse(line)
    else:
        with pytest.raises(BadCommand):
            parse(line)


@pytest.mark.parametrize(("count", "fits"), [(MAX_ID_PAIRS, True), (MAX_ID_PAIRS + 1, False)])
def test_fields_of_id_are_counted(count: int, fits: bool) -> None:
    """RFC 2971 section 3.3."""
    line = b"ID (%b)" % b" ".join([b'"n" "v"'] * count)
    if fits:
        assert parse(line)
    else:
        with pytest.raises(BadCommand):
            parse(line)


WORDS = st.sampled_from(
    b"UID FETCH STORE SEARCH APPEND LIST STATUS ID 1:* 1 ( ) BODY[ ] FLAGS \\Seen NOT OR KEYWORD x NIL "
    b'"" "a" * % INBOX HEADER.FIELDS <0.1> BODY.PEEK[1.MIME] {3} ENABLE SUBJECT 1-Jan-2020 =='.split()
)


@given(st.lists(WORDS, max_size=12), st.booleans())
def test_no_words_make_the_grammar_raise_anything_else(words: list[bytes], spaces: bool) -> None:
    """I5 (James CVE-2021-40111)."""
    try:
        parse((b" " if spaces else b"").join(words))
    except (BadCommand, UnknownCharset):
        return


@given(st.binary(max_size=60), st.binary(max_size=20))
def test_no_octets_make_the_grammar_raise_anything_else(line: bytes, literal: bytes) -> None:
    """I5."""
    for pieces in ((line,), (line, literal, b""), (b"UID SEARCH " + line, literal, line)):
        try:
            parse(*pieces)
        except (BadCommand, UnknownCharset):
            continue
