"""Small pieces of statements that all parts of the directory use."""

import json
from collections.abc import Iterable

from pymailcore.directory.permissions import View


def listed(values: Iterable[object]) -> str:
    """A list as the one argument in which it travels."""
    return json.dumps(list(values), ensure_ascii=False)


def prefix_end(prefix: str) -> str:
    """A text that is behind everything that begins with a prefix, octet by octet."""
    return prefix + "\U0010ffff"


def seen(view: View) -> tuple[int, str, str]:
    """What a view shows, as arguments: everything (0 or 1), tenants, domains."""
    return int(view.everything), listed(sorted(view.tenants)), listed(sorted(view.domains))
