"""What somebody can do about a fault: the command that helps, beside the text of the fault. Pure."""

import re
from typing import Final

_HINTS: Final = (
    (r"no domain (\S+)$", "`pymailcore domain list` has those that are kept here, `domain add` adds one"),
    (r"no account (\S+)$", "`pymailcore account list` has them all"),
    (r"no group (\S+)$", "`pymailcore group list` has them all"),
    (r"no alias (\S+)", "`pymailcore alias list` has them all"),
    (r"no tenant (\S+)$", "`pymailcore tenant list` has them all"),
    (r"no role (\S+)$", "`pymailcore role list` has them all"),
    (r"nobody has (\S+)$", "`pymailcore account add`, `alias add` or `group add` makes it"),
    (r"\S+ is no permission", "`pymailcore role permissions` has them all"),
    (r"\S+ is taken$", "`pymailcore account show` tells by whom; `account set` changes it"),
    (r"\S+ is an (alias|wildcard)$", "`pymailcore alias show` tells for whom, `alias remove` frees it"),
    (r"\S+ is an? group$", "`pymailcore group show` tells more, `group remove` frees it"),
    (r"\S+ is no id of the queue$", "`pymailcore queue list` has the ids"),
)  # fmt: skip
"""Beginnings of faults, with what helps."""


def with_hint(fault: str) -> str:
    """The text of a fault, and behind it what helps, where that is known."""
    for pattern, hint in _HINTS:
        if re.match(pattern, fault):
            return f"{fault}; {hint}"
    return fault
