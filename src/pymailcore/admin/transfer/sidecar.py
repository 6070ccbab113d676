"""What an export of ours writes beside a Maildir, which has no word for it: names, roles, subscriptions.

The file also says that the messages lie there octet by octet as the store has them, so that reading them
again changes no line end.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SIDECAR: Final = "pymailcore-export.json"
_MAX_OCTETS: Final = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Exported:
    """One folder of an export."""

    path: str
    role: str | None
    subscribed: bool


@dataclass(frozen=True, slots=True)
class Sidecar:
    """All folders of an export by the name of their directory; "" is the Inbox."""

    folders: Mapping[str, Exported]


def read_sidecar(place: Path) -> Sidecar | None:
    """Read the file beside a Maildir; None when there is none or it is not ours."""
    try:
        with (place / SIDECAR).open("rb") as file:
            read = json.loads(file.read(_MAX_OCTETS))
        return Sidecar(
            {
                str(key): Exported(
                    str(one["path"]),
                    None if one["role"] is None else str(one["role"]),
                    one["subscribed"] is True,
                )
                for key, one in read["folders"].items()
            }
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def write_sidecar(sidecar: Sidecar) -> str:
    """Write the file."""
    folders = {
        key: {"path": one.path, "role": one.role, "subscribed": one.subscribed}
        for key, one in sidecar.folders.items()
    }
    return json.dumps({"version": 1, "folders": folders}, ensure_ascii=True, indent=1) + "\n"
