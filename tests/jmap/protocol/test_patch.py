"""RFC 8620 section 5.3: PatchObject."""

import pytest

from pymailcore.jmap.protocol.errors import SetError
from pymailcore.jmap.protocol.patch import Change, parse_patch


def test_paths_are_split_and_unescaped() -> None:
    assert parse_patch({"a/b": 1, "c~1d/~0": None}) == [Change(("a", "b"), 1), Change(("c/d", "~"), None)]


@pytest.mark.parametrize(
    "patch",
    [{"a": 1, "a/b": 2}, {"a/b/c": 1, "a/b": 1}, {"": 1}, {"/a": 1}, {"a/": 1}, {"a//b": 1}, {"a/" * 9: 1}],
)
def test_what_cannot_be_applied_is_refused(patch: dict[str, object]) -> None:
    """One pointer may not be a prefix of another."""
    with pytest.raises(SetError, match="invalidPatch"):
        parse_patch(patch)


def test_a_common_beginning_of_a_name_is_no_prefix() -> None:
    assert len(parse_patch({"ab": 1, "a/b": 1, "a/bc": 1})) == 3
