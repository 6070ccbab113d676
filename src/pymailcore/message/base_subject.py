"""The subject without what replies and forwards put around it.

Standards: RFC 5256 sections 2.1 and 5 (subj-leader, subj-blob, subj-refwd, subj-trailer, subj-fwd).

The algorithm removes one piece and starts again; here two indexes move towards each other, and blobs in
a row are counted once, so that the time is linear in the subject.
"""

import re
from typing import Final

from pymailcore.message.slices import MAX_CALL

_REFWD: Final = re.compile(r"(?:re|fwd?) *+(?:\[[^\[\]]*+\] *+)?:", re.IGNORECASE)
_BLOB: Final = re.compile(r"\[[^\[\]]*+\] *+")
_FWD_HEADER: Final = "[fwd:"
_FWD_TRAILER: Final = "(fwd)"


def base_subject(subject: str) -> str:
    """Give the base subject of a decoded, unfolded subject; of a very long one its beginning counts."""
    return base_subject_and_reply(subject)[0]


def base_subject_and_reply(subject: str) -> tuple[str, bool]:
    """Give the base subject, and whether the subject is that of a reply or forward.

    That is so when something was taken away that replies and forwards put there, not only white space
    and blobs (RFC 5256 section 3, REFERENCES).
    """
    text = " ".join(subject[:MAX_CALL].split())
    start, end = 0, len(text)
    is_reply = False
    while True:
        end, trailed = _without_trailers(text, start, end)
        start, led = _without_leaders(text, start, end)
        is_reply = is_reply or trailed or led
        forwarded = (
            text[start : start + 5].lower() == _FWD_HEADER and end - start > 5 and text[end - 1] == "]"
        )
        if not forwarded:
            return text[start:end], is_reply
        start, end, is_reply = start + 5, end - 1, True


def _without_trailers(text: str, start: int, end: int) -> tuple[int, bool]:
    """Step 2: "(fwd)" and spaces at the end; also whether there was a "(fwd)"."""
    found = False
    while end > start:
        if text[end - 1] == " ":
            end -= 1
        elif text[end - 1] == ")" and text[max(start, end - 5) : end].lower() == _FWD_TRAILER:
            end -= 5
            found = True
        else:
            break
    return end, found


def _without_leaders(text: str, start: int, end: int) -> tuple[int, bool]:
    """Steps 3 to 5: spaces, "Re:" with blobs before it, and blobs that something follows.

    Gives also whether there was a "Re:".
    """
    found = False
    while start < end:
        if text[start] == " ":
            start += 1
            continue
        # The blobs in a row that begin here. They go all together if "Re:" follows (step 3); if not, they
        # go one by one (step 4) as long as something remains.
        place = last = start
        while (blob := _BLOB.match(text, place, end)) is not None:
            last = place
            place = blob.end()
        refwd = _REFWD.match(text, place, end)
        if refwd:
            start = refwd.end()
            found = True
            continue
        if place < end:
            return place, found
        return last, found
    return start, found
