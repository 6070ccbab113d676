"""StateChange objects and the frames of an event source.

Standards: RFC 8620 sections 7.1 (StateChange), 7.3 (event source); the event stream format of HTML.
"""

from collections.abc import Mapping

import orjson


def state_change(account: str, states: Mapping[str, str]) -> dict[str, object]:
    """The StateChange object for one account (RFC 8620 section 7.1)."""
    return {"@type": "StateChange", "changed": {account: dict(states)}}


def event(name: str, data: Mapping[str, object], *, event_id: str | None = None) -> bytes:
    """One frame of an event stream; the data is one line, as JSON without line ends is."""
    lines = b"" if event_id is None else b"id: %s\n" % event_id.encode("ascii")
    return lines + b"event: %s\ndata: %s\n\n" % (name.encode("ascii"), orjson.dumps(data))
