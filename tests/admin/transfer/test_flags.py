from hypothesis import given
from hypothesis import strategies as st

from pymailcore.admin.transfer.flags import (
    Flags,
    flags_of,
    read_keywords_file,
    read_letters,
    read_status,
    write_keywords_file,
    write_letters,
    write_status,
)

KEYWORDS = st.lists(
    st.one_of(
        st.sampled_from(["$seen", "$answered", "$flagged", "$draft", "$forwarded", "$junk"]),
        st.from_regex(r"[a-z$][a-z0-9_\-]{0,10}", fullmatch=True),
    ),
    unique=True,
    max_size=12,
).map(lambda names: tuple(sorted(names)))
FLAGS = st.builds(Flags, KEYWORDS, st.booleans())


def test_flags_of_imap_become_keywords() -> None:
    r"""RFC 8621 section 4.1.1; `\Recent`, unknown system flags and what is no keyword go."""
    found = flags_of([r"\Seen", r"\SEEN", r"\Recent", r"\Deleted", r"\Odd", "$Label1", "a b", "", "x" * 256])
    assert found == Flags(("$label1", "$seen"), True)


@given(flags=FLAGS)
def test_letters_of_maildir_lead_back(flags: Flags) -> None:
    named: dict[str, str] = {}
    letters, left = write_letters(flags, named)
    assert left == []
    assert list(letters) == sorted(set(letters))
    assert read_letters(letters, read_keywords_file(write_keywords_file(named))) == flags


def test_a_folder_has_26_letters() -> None:
    names = tuple(f"k{number:02}" for number in range(28))
    named: dict[str, str] = {}
    letters, left = write_letters(Flags(names), named)
    assert (len(letters), left) == (26, ["k26", "k27"])


def test_letters_without_a_name_are_passed_over() -> None:
    assert read_letters("FSTaz?", {"a": "$Label1"}) == Flags(("$flagged", "$label1", "$seen"), True)


def test_a_damaged_keywords_file_is_read_as_far_as_it_goes() -> None:
    assert read_keywords_file("0 $Label1\nx y\n26 late\n\n1\n2 Work\n") == {"a": "$Label1", "c": "Work"}


@given(flags=FLAGS)
def test_fields_of_mbox_lead_back(flags: Flags) -> None:
    assert read_status(*write_status(flags)) == flags
