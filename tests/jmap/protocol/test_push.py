"""RFC 8620 section 7.1 and 7.3."""

import orjson

from pymailcore.jmap.protocol.push import event, state_change


def test_an_event_is_one_frame_of_lines() -> None:
    frame = event("state", state_change("a1", {"Email": "5\n"}), event_id="5.4")
    lines = frame.decode().split("\n")
    assert lines[0] == "id: 5.4"
    assert lines[1] == "event: state"
    assert orjson.loads(lines[2].removeprefix("data: ")) == {
        "@type": "StateChange",
        "changed": {"a1": {"Email": "5\n"}},
    }
    assert lines[3:] == ["", ""]
    assert event("ping", {"interval": 30}) == b'event: ping\ndata: {"interval":30}\n\n'
