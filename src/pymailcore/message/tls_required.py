"""The TLS-Required field: its author would rather have a message arrive in clear than not at all.

Standards: RFC 8689 sections 3 and 4.2.2.
"""

from typing import Final

from pymailcore.message.complete import field_values

NAME: Final = "TLS-Required"


def tls_optional(octets: bytes) -> bool:
    """Whether a message is to go whatever TLS policy the domain of its recipient has.

    Of two such fields, which no message may have, none counts; neither does another word than No.
    """
    return [value.strip().lower() for value in field_values(octets, NAME)] == [b"no"]
