"""PatchObjects: an update as a set of pointers and new values.

Standards: RFC 8620 section 5.3 (PatchObject).
"""

from dataclasses import dataclass

from pymailcore.jmap.protocol.errors import SetError
from pymailcore.jmap.protocol.values import JsonObject


@dataclass(frozen=True, slots=True)
class Change:
    """One member of a patch: the path without its slashes, and the value; None takes away or resets."""

    path: tuple[str, ...]
    value: object


def parse_patch(patch: JsonObject) -> list[Change]:
    """Read a PatchObject.

    Raises:
        SetError: invalidPatch when one pointer is a prefix of another, or is none.
    """
    changes = []
    paths = set()
    for pointer, value in patch.items():
        path = tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/"))
        if len(path) > 8 or "" in path:
            raise SetError("invalidPatch", f"{pointer[:64]} points nowhere")
        changes.append(Change(path, value))
        paths.add(path)
    for change in changes:
        if any(change.path[:length] in paths for length in range(1, len(change.path))):
            raise SetError("invalidPatch", "one pointer is a prefix of another")
    return changes
