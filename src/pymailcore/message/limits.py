"""How much of a message is looked at; what lies beyond stays in its octets and is not interpreted.

The numbers bound the work that one hostile message can cause. None of them makes a message unacceptable.
"""

from typing import Final

MAX_DEPTH: Final = 50
"""Levels of multipart and message/rfc822; a part below them is an opaque leaf."""

MAX_PARTS: Final = 10_000
"""Parts of one message; the rest is one opaque leaf."""

MAX_FIELD_OCTETS: Final = 1 << 20
"""Octets of one header field that are interpreted; a longer field is passed over."""

MAX_STRUCTURED_OCTETS: Final = 256 * 1024
"""Octets of one field that are read for addresses, ids, parameters; what follows is passed over.

The raw and the text form of a field are whole up to `MAX_FIELD_OCTETS`.
"""

MAX_HEADER_OCTETS: Final = 10 << 20
"""Octets of one header that are interpreted."""

MAX_FIELDS: Final = 10_000
"""Fields of one header that are interpreted."""

MAX_PARAMETERS: Final = 100
"""Parameters of one field, each segment of RFC 2231 counted."""

MAX_ALL_PARAMETERS: Final = 10_000
"""Parameters that are kept of one message; beyond them, those that say how to read a part."""

MAX_ADDRESSES: Final = 10_000
"""Addresses of one field."""

MAX_COMMENT_DEPTH: Final = 32
"""Levels of comments inside each other; a deeper one takes the rest of the field."""

MAX_WORDS: Final = 10_000
"""Encoded-words of one text that are decoded; the rest stays as it stands."""

MAX_REFERENCES: Final = 100
"""Message-ids of In-Reply-To and References that Threads are made from."""

MAX_TEXT_OCTETS: Final = 1 << 20
"""Octets of one HTML text that are turned into plain text."""

MIN_LEAF_OCTETS: Final = 1024
"""A part at least this long is stored as a blob of its own."""

MAX_NORMALISED: Final = 1024
"""Code points of a text that is put into NFC; the work grows with the square of runs of marks."""
